using Prescore.Kernels;
using Prescore.Specs;

namespace Prescore.Attention.Clustered;

/// <summary>Settings of <see cref="ClusteredAttention"/>. Defaults are the measured ones of <c>docs/clustered.md</c>.</summary>
public sealed record ClusteredOptions
{
    /// <summary>The target error ε that is used when neither ε nor a budget is given.</summary>
    public const double DefaultTargetError = 0.1;

    /// <summary>First keys that every query sees exactly (attention sinks).</summary>
    public const int Sinks = 4;

    /// <summary>Wanted relative error ε of each head's output, above 0 and at most 1; null: none.</summary>
    public double? TargetError { get; init; }

    /// <summary>Cap on each block's interactions as a fraction of exact's, above 0 and at most 1; null: none.</summary>
    public double? Budget { get; init; }

    /// <summary>B: tokens in a block, at least 16; the index changes only between blocks.</summary>
    public int BlockSize { get; init; } = 256;

    /// <summary>w: keys before the block that stay exact.</summary>
    public int Near { get; init; } = 128;

    /// <summary>κ: a segment of m far keys, the last of them the n-th, has κ·m/√n clusters.</summary>
    public double ClusterFactor { get; init; } = 0.7;

    /// <summary>Queries a head that are computed exactly in a probe block.</summary>
    public int Probes { get; init; } = 8;

    /// <summary>Every how many blocks there is a probe block; among the first blocks there are two at least while the length doubles.</summary>
    public int ProbeSpacing { get; init; } = 4;

    /// <summary>Weight of the pooled errors of earlier probe blocks relative to the newest, above 0 and at most 1.</summary>
    public double ProbeDecay { get; init; } = 0.5;

    /// <summary>The newest segment's clusters are refined when it has grown by this factor, above 1.</summary>
    public double RefitGrowth { get; init; } = 1.3;

    /// <summary>
    /// Far keys of the first segment: so many are clustered among themselves before the next ones start anew. Later
    /// segments hold as many, or as many as all before them.
    /// </summary>
    public int FirstSegment { get; init; } = 4096;

    /// <summary>Lloyd steps of the first fit and of a refinement.</summary>
    public int FitSteps { get; init; } = 2;

    /// <summary>Last of <see cref="Thresholds"/> that is used below exact, at most <see cref="Thresholds.Count"/> − 1.</summary>
    public int LastThreshold { get; init; } = Thresholds.Count - 1;

    /// <summary>r: coordinates of a key's sketch, a multiple of 4 up to 64.</summary>
    public int SketchRank { get; init; } = 32;

    /// <summary>The options of <c>clustered</c>.</summary>
    internal static MethodOptions<ClusteredOptions> Table { get; } = new MethodOptions<ClusteredOptions>(
        "clustered",
        "every key: near ones and those that matter to a query exactly, the others as one term a cluster; measures its own error "
            + "(an estimate, not a bound) and spends what the target error needs, or `budget=0.2`, or the lower of both",
        new(), "clustered:error=0.1")
        .Fraction(
            "error", "target error ε: relative error of a head's output",
            options => options.Budget is null ? options.EffectiveTargetError : options.TargetError,
            (options, value) => options with { TargetError = value })
            .WithDefault("0.1 where there is no `budget`, or else none")
        .Fraction(
            "budget",
            "most interactions of a block ÷ exact's; alone it is spent whole, with `error` it is a cap, and heads that it keeps from "
                + "their target are reported as unmet",
            options => options.Budget, (options, value) => options with { Budget = value })
        .Integer(
            "block", "tokens in a block; the index and θ change between blocks alone",
            options => options.BlockSize, (options, value) => options with { BlockSize = value }, minimum: 16)
        .Integer("w", "keys before the block that stay exact", options => options.Near, (options, value) => options with { Near = value })
        .Fraction(
            "kappa", "m far keys that are clustered together, the last of them the n-th, have κ·m/√n clusters",
            options => options.ClusterFactor, (options, value) => options with { ClusterFactor = value }, maximum: 64).ForResearch()
        .Integer(
            "probes", "probe queries a head in a probe block",
            options => options.Probes, (options, value) => options with { Probes = value }, minimum: 1).ForResearch()
        .Integer(
            "every",
            "every how many blocks there is a probe block; the first ones lie closer together, and beyond 8,192 tokens the distance "
                + "doubles with the length",
            options => options.ProbeSpacing, (options, value) => options with { ProbeSpacing = value }, minimum: 1).ForResearch()
        .Fraction(
            "decay", "weight of earlier probe blocks' errors relative to the newest",
            options => options.ProbeDecay, (options, value) => options with { ProbeDecay = value }).ForResearch()
        .Fraction(
            "growth", "the newest segment is refined when it has grown by this factor",
            options => options.RefitGrowth, (options, value) => options with { RefitGrowth = value }, maximum: 16).ForResearch()
        .Integer(
            "segment",
            "far keys that are clustered together (a segment) before the next ones start anew; later segments have as many keys as all before them",
            options => options.FirstSegment, (options, value) => options with { FirstSegment = value }, minimum: 1).ForResearch()
        .Integer(
            "steps", "k-means steps of the first fit and of a refinement",
            options => options.FitSteps, (options, value) => options with { FitSteps = value }).ForResearch()
        .Integer(
            "thresholds",
            "last of the thresholds θ (¼ · 2^(−(s − 1)/3) at step s, step 0 selects no key) before a head becomes exact",
            options => options.LastThreshold, (options, value) => options with { LastThreshold = value }, maximum: Thresholds.Count - 1)
            .ForResearch()
        .Integer(
            "sketch", "5-bit coordinates of a key's sketch",
            options => options.SketchRank, (options, value) => options with { SketchRank = value },
            minimum: 4, maximum: SketchTile.LargestRank, step: 4).ForResearch();

    /// <summary>ε with its default: the default where neither knob is set; 0 where only the budget is.</summary>
    internal double EffectiveTargetError => TargetError ?? (Budget is null ? DefaultTargetError : 0);

    /// <summary>Clusters wanted for a segment of <paramref name="count"/> far keys that follows <paramref name="first"/> others.</summary>
    internal int ClustersFor(int first, int count) =>
        count == 0 ? 0 : Math.Clamp((int)Math.Ceiling(ClusterFactor * count / Math.Sqrt((double)first + count)), 1, count);

    /// <summary>Clusters wanted for a number of far keys, all segments together.</summary>
    internal int AllClusters(int far)
    {
        int clusters = 0;
        for (int first = 0, count; first < far; first += count)
        {
            count = Math.Min(far - first, SegmentSize(first));
            clusters += ClustersFor(first, count);
        }
        return clusters;
    }

    /// <summary>Number of keys at which a segment that follows <paramref name="first"/> keys is complete.</summary>
    internal int SegmentSize(int first) => Math.Max(FirstSegment, first);

    /// <summary>
    /// What reading a key's sketch costs of an interaction: its r bytes of the key's and value's 4(d + d_v) in exact attention.
    /// </summary>
    internal double SketchCost(int dimension, int valueDimension) => SketchRank / (4.0 * (dimension + valueDimension));

    /// <summary>First near position, sinks aside, of the block that starts at <paramref name="blockStart"/>.</summary>
    internal int NearStart(int blockStart) => Math.Max(Sinks, blockStart - Near);

    /// <summary>Near keys and sinks that the query at <paramref name="position"/> sees.</summary>
    internal int NearCount(int position)
    {
        int start = NearStart(position / BlockSize * BlockSize);
        return position < Sinks ? position + 1 : Sinks + Math.Max(0, position + 1 - start);
    }
}
