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

    /// <summary>Names of the options in a spec.</summary>
    internal static string[] OptionNames { get; } = ["block", "sample", "min", "pairing"];

    /// <summary>The options as they stand in a spec.</summary>
    internal string Options =>
        $"block={Block},sample={Sample},min={MinSequence},pairing={(Pairing == QueryPairing.Rank ? "rank" : "paper")}";

    /// <summary>Logits that a query computes against <paramref name="keys"/> keys: those of its block and the samples.</summary>
    internal int Terms(int keys)
    {
        int block = Math.Min(Block, keys);
        return block + Math.Min(Sample, keys - block);
    }

    /// <summary>Reads the options of a spec.</summary>
    /// <exception cref="MethodSpecException">A value out of range.</exception>
    internal static HyperSettings FromSpec(MethodSpec spec) => new()
    {
        Block = spec.Integer("block", 1) ?? Default.Block,
        Sample = spec.Integer("sample", 0) ?? Default.Sample,
        MinSequence = spec.Integer("min", 1) ?? Default.MinSequence,
        Pairing = spec.Choice("pairing", "rank", "paper") == "rank" ? QueryPairing.Rank : QueryPairing.Paper,
    };

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
