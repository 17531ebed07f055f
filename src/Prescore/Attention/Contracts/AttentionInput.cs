namespace Prescore.Attention.Contracts;

/// <summary>Queries, keys and values of one attention call, over spans with strides.</summary>
public readonly ref struct AttentionInput
{
    /// <summary>Sizes; see <see cref="AttentionShape"/>.</summary>
    public required AttentionShape Shape { get; init; }

    /// <summary>Queries [batch, query heads, n_q, d] laid out by <see cref="QueryLayout"/>.</summary>
    public required ReadOnlySpan<float> Queries { get; init; }

    /// <summary>Keys [batch, key/value heads, n_k, d] laid out by <see cref="KeyLayout"/>.</summary>
    public required ReadOnlySpan<float> Keys { get; init; }

    /// <summary>Values [batch, key/value heads, n_k, d_v] laid out by <see cref="ValueLayout"/>.</summary>
    public required ReadOnlySpan<float> Values { get; init; }

    /// <summary>Layout of <see cref="Queries"/>; the default is dense heads-first.</summary>
    public HeadLayout? QueryLayout { get; init; }

    /// <summary>Layout of <see cref="Keys"/>; the default is dense heads-first.</summary>
    public HeadLayout? KeyLayout { get; init; }

    /// <summary>Layout of <see cref="Values"/>; the default is dense heads-first.</summary>
    public HeadLayout? ValueLayout { get; init; }

    /// <summary>
    /// Optional additive log-weights on keys, dense [batch, key/value heads, n_k]; −∞ removes a key, +∞ and NaN
    /// are refused. Empty: none.
    /// </summary>
    public ReadOnlySpan<float> KeyLogWeights { get; init; }

    /// <summary>Whether the query at absolute position t sees only keys at positions ≤ t.</summary>
    public bool Causal { get; init; }

    /// <summary>Factor on the dot products; null means 1/√d.</summary>
    public float? Scale { get; init; }
}
