using Prescore.Kernels;

namespace Prescore.Attention.Contracts;

/// <summary>How to run an attention; what it computes does not depend on <see cref="Threads"/>.</summary>
public sealed record AttentionOptions
{
    /// <summary>The defaults: all processors, the widest SIMD path, seed 0, layer 0.</summary>
    public static AttentionOptions Default { get; } = new();

    /// <summary>Number of threads, at least 1. Outputs are bit-equal for every value.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>SIMD path; the default is the widest one this processor runs.</summary>
    public SimdPath Simd { get; init; } = SimdPaths.Best;

    /// <summary>Seed of everything random. Randomness is a function of (seed, layer, head, absolute position).</summary>
    public ulong Seed { get; init; }

    /// <summary>Index of the model layer, so that layers draw different random numbers.</summary>
    public int Layer { get; init; }
}
