namespace Prescore.Attention;

/// <summary>Exact softmax attention: tiled, online softmax.</summary>
public sealed class ExactAttention : IAttention
{
    /// <inheritdoc/>
    public string Spec => "exact";

    /// <summary>Creates the method from a spec without options.</summary>
    public static ExactAttention FromSpec(MethodSpec spec)
    {
        spec.RefuseUnread();
        return new ExactAttention();
    }

    /// <inheritdoc/>
    public AttentionReport Compute(
        in AttentionInput input, in AttentionOutput output, AttentionOptions options, CancellationToken cancellationToken = default) =>
        throw new NotSupportedException();
}
