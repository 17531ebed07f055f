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

    /// <summary>
    /// What decoders' linear layers make of activations before they multiply them. <see cref="ActivationPrecision.Int8"/> makes prompts
    /// faster where weights are four-bit numbers, and raises perplexity by some 0.2 %.
    /// </summary>
    public ActivationPrecision Activations { get; init; } = ActivationPrecision.Float;

    /// <summary>Threads of the linear layers, at least 1.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;
}
