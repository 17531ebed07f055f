using Prescore.Attention.Window;
using static TorchSharp.torch;

namespace Prescore.TorchSharp.Attention;

/// <summary>
/// Window attention that is not causal: the query at position t sees the keys [t − w + 1, t + w − 1] and the first
/// <see cref="WindowAttention.Sinks"/>, as <see cref="WindowAttention"/> has it. Queries stand at the last positions of the keys.
/// </summary>
/// <param name="window">Number w of keys to each side, the query's own included; at least 0.</param>
public sealed class WindowModule(int window) : AttentionModule(nameof(WindowModule))
{
    /// <inheritdoc/>
    public override string Spec => $"window:w={window}";

    /// <inheritdoc/>
    public override Tensor forward(Tensor queries, Tensor keys, Tensor values)
    {
        using Tensor visible = Visible(queries.shape[2], keys.shape[2]);
        using Tensor bias = zeros(visible.shape, dtype: queries.dtype).masked_fill_(visible.logical_not(), double.NegativeInfinity);
        return Attend(queries, keys, values, bias);
    }

    /// <summary>Which keys each query sees, [n_q, n_k].</summary>
    private Tensor Visible(long queries, long keys)
    {
        using Tensor positions = arange(keys - queries, keys).unsqueeze(1);
        using Tensor columns = arange(keys).unsqueeze(0);
        return (positions - columns).abs().lt(window).logical_or(columns.lt(WindowAttention.Sinks));
    }
}
