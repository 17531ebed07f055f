using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>What a scorer asks for beside keys and their positions.</summary>
[Flags]
public enum ScorerNeeds
{
    /// <summary>Keys alone.</summary>
    None = 0,

    /// <summary>The keys' values.</summary>
    Values = 1,

    /// <summary>Queries that the caller has seen so far.</summary>
    Queries = 2,
}

/// <summary>What a scorer may depend on besides the keys.</summary>
/// <param name="seed">Seed of the run.</param>
/// <param name="layer">Model layer.</param>
/// <param name="head">Key/value head.</param>
/// <param name="firstPosition">Absolute position of the first key.</param>
/// <param name="selected">How many keys will be selected (s).</param>
/// <param name="simd">SIMD path.</param>
public readonly ref struct ScoringContext(ulong seed, int layer, int head, int firstPosition, int selected, SimdPath simd)
{
    /// <summary>Seed of the run.</summary>
    public ulong Seed => seed;

    /// <summary>Model layer.</summary>
    public int Layer => layer;

    /// <summary>Key/value head.</summary>
    public int Head => head;

    /// <summary>Absolute position of the first key.</summary>
    public int FirstPosition { get; init; } = firstPosition;

    /// <summary>How many keys will be selected (s).</summary>
    public int Selected => selected;

    /// <summary>Clusters k of a clustering scorer, at least 1; of more than there are keys, one a key. Null: k = min(d + 1, ⌊s/2⌋).</summary>
    public int? Clusters { get; init; }

    /// <summary>SIMD path.</summary>
    public SimdPath Simd => simd;

    /// <summary>Absolute positions of the keys, ascending; empty: the keys are neighbours, from <see cref="FirstPosition"/> on.</summary>
    public ReadOnlySpan<int> Positions { get; init; }

    /// <summary>Values [n, d_v] of the keys, for a scorer that asks for <see cref="ScorerNeeds.Values"/>.</summary>
    public KeyMatrix Values { get; init; }

    /// <summary>
    /// Queries [m, d] of all query heads that share the keys, seen before any query that the selection is for, and multiplied by
    /// attention's scale: their products with keys are logits. For a scorer that asks for <see cref="ScorerNeeds.Queries"/>,
    /// when it is fitted; empty where the caller has seen none.
    /// </summary>
    public KeyMatrix Queries { get; init; }

    /// <summary>Where random numbers are counted from.</summary>
    internal RandomOrigin Origin => new(seed, layer, head, FirstPosition);
}
