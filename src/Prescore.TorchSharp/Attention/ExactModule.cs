using static TorchSharp.torch;

namespace Prescore.TorchSharp.Attention;

/// <summary>Exact softmax attention, by libtorch.</summary>
public sealed class ExactModule() : AttentionModule(nameof(ExactModule))
{
    /// <inheritdoc/>
    public override string Spec => "exact";

    /// <inheritdoc/>
    public override Tensor forward(Tensor queries, Tensor keys, Tensor values) => Attend(queries, keys, values);
}
