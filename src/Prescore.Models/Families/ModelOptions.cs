using Prescore.Kernels;
using Prescore.Models.Layers;

namespace Prescore.Models.Families;

/// <summary>How to load a model.</summary>
public sealed record ModelOptions
{
    /// <summary>Scaling for contexts beyond the trained one; null: the model's own, if any.</summary>
    public RopeScaling? Rope { get; init; }

    /// <summary>Whether to go beyond the trained context (times the factor): quality falls steeply there.</summary>
    public bool AllowLong { get; init; }

    /// <summary>SIMD path of the linear layers.</summary>
    public SimdPath Simd { get; init; } = SimdPaths.Best;

    /// <summary>Threads of the linear layers, at least 1.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;
}
