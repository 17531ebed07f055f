using static TorchSharp.torch;

namespace Prescore.TorchSharp.Attention;

/// <summary>Attention to weighted representatives of the keys alone, not causal; the protected keys stand for themselves.</summary>
/// <param name="count">Number of logits a query, protected keys and representatives together; at least one more than the protected keys.</param>
/// <param name="options">Seed, layer and protected keys.</param>
public sealed class CoresetModule(int count, AttentionModuleOptions options) : AttentionModule(nameof(CoresetModule))
{
    /// <inheritdoc/>
    public override string Spec => $"coreset:s={count}";

    /// <inheritdoc/>
    public override Tensor forward(Tensor queries, Tensor keys, Tensor values)
    {
        if (keys.shape[2] <= count)
        {
            return Attend(queries, keys, values);
        }
        var host = new HostKeys(keys);
        int kept = options.Protected;
        int[] first = [.. Enumerable.Range(0, kept)];
        int[][] leftOut = [.. Enumerable.Repeat(first, host.Batch * host.Heads)];
        using Representatives all = Representatives.Of(host, count - kept, leftOut, options, keys.dtype);
        using Tensor none = zeros(host.Batch, host.Heads, 1, kept, dtype: keys.dtype);
        Tensor bias = cat([none, all.Bias], -1).expand(-1, -1, queries.shape[2], -1);
        return Attend(queries, cat([keys.narrow(2, 0, kept), all.Mean(keys)], 2), cat([values.narrow(2, 0, kept), all.Mean(values)], 2), bias);
    }
}
