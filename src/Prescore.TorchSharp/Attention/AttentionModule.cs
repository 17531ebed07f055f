using static TorchSharp.torch;

namespace Prescore.TorchSharp.Attention;

/// <summary>
/// One attention method with autograd: queries [batch, heads, n_q, d], keys and values [batch, heads, n_k, d] to outputs
/// [batch, heads, n_q, d]. What a method selects or clusters is decided from the keys' values without gradient; the
/// attention over it has gradients of queries, keys and values. Modules have no parameters, and the same tensors give the
/// same selection at every call.
/// </summary>
public abstract class AttentionModule : nn.Module<Tensor, Tensor, Tensor, Tensor>
{
    /// <summary>Creates the module.</summary>
    /// <param name="name">Name of the module's class.</param>
    protected AttentionModule(string name)
        : base(name)
    {
    }

    /// <summary>The method in the grammar of method specs.</summary>
    public abstract string Spec { get; }

    /// <summary>Softmax attention over all given keys, with an optional additive bias on the logits.</summary>
    private protected static Tensor Attend(Tensor queries, Tensor keys, Tensor values, Tensor? bias = null) =>
        nn.functional.scaled_dot_product_attention(queries, keys, values, bias);
}
