namespace Prescore.Attention.Contracts;

/// <summary>Where an attention writes its results.</summary>
public readonly ref struct AttentionOutput
{
    /// <summary>Outputs [batch, query heads, n_q, d_v] laid out by <see cref="Layout"/>; fully overwritten.</summary>
    public required Span<float> Output { get; init; }

    /// <summary>Layout of <see cref="Output"/>; the default is dense heads-first.</summary>
    public HeadLayout? Layout { get; init; }

    /// <summary>
    /// Log-sum-exp of the (scaled, weighted) logits in nats, dense [batch, query heads, n_q]; −∞ for a query that
    /// sees no key. Empty: not wanted.
    /// </summary>
    public Span<float> LogSumExp { get; init; }
}
