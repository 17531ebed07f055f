using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Attention.Clustered;

/// <summary>What all parts of one key/value head's index share.</summary>
/// <param name="Options">The method's settings.</param>
/// <param name="Run">The call's.</param>
/// <param name="Head">Number of the key/value head.</param>
/// <param name="Dimension">Length d of keys.</param>
/// <param name="ValueDimension">Length d_v of values.</param>
/// <param name="Weighted">Whether keys have log-weights.</param>
/// <param name="Queries">Second moment of the head's queries, which shapes the sketches.</param>
internal sealed record IndexSettings(
    ClusteredOptions Options, AttentionOptions Run, int Head, int Dimension, int ValueDimension, bool Weighted, SecondMoment Queries)
{
    /// <summary>The kernels of the call's path.</summary>
    public ClusteredKernels Kernels { get; } = ClusteredKernels.Of(Run.Simd);
}
