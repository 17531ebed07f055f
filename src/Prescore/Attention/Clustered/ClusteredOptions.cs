using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>Settings of <see cref="ClusteredAttention"/>. Defaults are the measured ones of <c>docs/clustered.md</c>.</summary>
public sealed record ClusteredOptions
{
    /// <summary>The target error ε that is used when neither ε nor a budget is given.</summary>
    public const double DefaultTargetError = 0.1;

    /// <summary>Wanted relative error ε of each head's output, above 0 and below 1; null: none.</summary>
    public double? TargetError { get; init; }

    /// <summary>Cap on each block's interactions as a fraction of exact's, above 0 and at most 1; null: none.</summary>
    public double? Budget { get; init; }

    /// <summary>B: tokens in a block; the index changes only between blocks.</summary>
    public int BlockSize { get; init; } = 256;

    /// <summary>w: keys before the block that stay exact.</summary>
    public int Near { get; init; } = 64;

    /// <summary>First keys that every query sees exactly (attention sinks).</summary>
    public int Sinks { get; init; } = 4;

    /// <summary>κ: the index has κ·√far clusters.</summary>
    public double ClusterFactor { get; init; } = 2;

    /// <summary>Queries a head that are computed exactly in a probe block.</summary>
    public int Probes { get; init; } = 8;

    /// <summary>Every how many blocks there is a probe block.</summary>
    public int ProbeSpacing { get; init; } = 4;

    /// <summary>Weight of the pooled errors of earlier probe blocks relative to the newest.</summary>
    public double ProbeDecay { get; init; } = 0.7;

    /// <summary>
    /// Standard errors of the pooled error that are added before it is compared with ε: probes are few and errors
    /// heavy-tailed, so the smallest p whose mean happens to pass is too small.
    /// </summary>
    public double Caution { get; init; } = 1;

    /// <summary>The clusters are refined when the far part has grown by this factor.</summary>
    public double RefitGrowth { get; init; } = 1.1;

    /// <summary>Lloyd steps of the first fit and of a refinement.</summary>
    public int FitSteps { get; init; } = 3;

    /// <summary>How keys and values are stored.</summary>
    public KeyValueStorage Storage { get; init; } = KeyValueStorage.Fp32;

    /// <summary>ε with its default: the default where neither knob is set; 0 where only the budget is.</summary>
    internal double EffectiveTargetError => TargetError ?? (Budget is null ? DefaultTargetError : 0);
}
