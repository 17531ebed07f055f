using Prescore.Specs;

namespace Prescore.Attention.Hyper;

/// <summary>How a causal query finds its block of keys in HyperAttention.</summary>
public enum QueryPairing
{
    /// <summary>
    /// The block in which the query's own code ranks among the sorted keys: strictly causal, and the same however a
    /// prompt is cut.
    /// </summary>
    Rank,

    /// <summary>
    /// As in the paper: the queries of a segment are sorted and cut into as many equal blocks as the keys. A later
    /// query of the segment can move an earlier one to another block, so outputs depend on how a prompt is cut.
    /// </summary>
    Paper,
}

/// <summary>The sizes of HyperAttention.</summary>
public sealed record HyperSettings
{
    /// <summary>The sizes of the paper's public code: blocks of 128, 128 samples, sequences up to 512 exact.</summary>
    public static HyperSettings Default { get; } = new();

    /// <summary>Keys of a block, at least 1.</summary>
    public int Block { get; init; } = 128;

    /// <summary>Keys m sampled for the residual, at least 0. With 0 the residual is dropped.</summary>
    public int Sample { get; init; } = 128;

    /// <summary>
    /// Longest causal sequence that is computed exactly instead of being cut in halves, at least 1; in effect the power of
    /// two at or below it. Attention that is not causal is not cut and ignores it.
    /// </summary>
    public int MinSequence { get; init; } = 512;

    /// <summary>How causal queries find their block; attention that is not causal always pairs as the paper does.</summary>
    public QueryPairing Pairing { get; init; } = QueryPairing.Rank;

    /// <summary>The options of <c>hyper</c>.</summary>
    internal static MethodOptions<HyperSettings> Table { get; } = new MethodOptions<HyperSettings>(
        "hyper", "HyperAttention: blocks of sorted keys and a sample of the others", Default, "hyper:block=128,sample=128,min=512")
        .Integer("block", "keys in a block", settings => settings.Block, (settings, value) => settings with { Block = value }, minimum: 1)
        .Integer(
            "sample", "keys sampled for the residual; 0 leaves it out",
            settings => settings.Sample, (settings, value) => settings with { Sample = value })
        .Integer(
            "min", "longest causal sequence that is computed exactly (its power of two)",
            settings => settings.MinSequence, (settings, value) => settings with { MinSequence = value }, minimum: 1)
        .Choice(
            "pairing",
            "`rank`: the block where the query's own code ranks among the keys, strictly causal; `paper`: queries sorted into equal blocks, "
                + "where a later query of a sequence can move an earlier one",
            settings => settings.Pairing, (settings, value) => settings with { Pairing = value },
            ("rank", QueryPairing.Rank), ("paper", QueryPairing.Paper));

    /// <summary>Logits that a query computes against <paramref name="keys"/> keys: those of its block and the samples.</summary>
    internal int Terms(int keys)
    {
        int block = Math.Min(Block, keys);
        return block + Math.Min(Sample, keys - block);
    }

    /// <summary>Checks sizes that did not come from a spec.</summary>
    /// <exception cref="ArgumentOutOfRangeException">A size is too small.</exception>
    internal HyperSettings Validated()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Block, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(Sample, 0);
        ArgumentOutOfRangeException.ThrowIfLessThan(MinSequence, 1);
        return this;
    }
}
