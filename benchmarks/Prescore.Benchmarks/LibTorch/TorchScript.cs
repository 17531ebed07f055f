using TorchSharp;

namespace Prescore.Benchmarks.LibTorch;

/// <summary>
/// The libtorch calls that take part, as one TorchScript module: this reaches operators (flash attention itself, grouped
/// heads, oneDNN) and output arguments that TorchSharp has no methods for.
/// </summary>
internal static class TorchScript
{
    private const string Source = """
        def flash(q, k, v, causal: bool):
            o, lse = torch._scaled_dot_product_flash_attention_for_cpu(q, k, v, 0.0, causal)
            return o

        def sdpa(q, k, v, causal: bool):
            return torch.scaled_dot_product_attention(q, k, v, None, 0.0, causal)

        def sdpa_grouped(q, k, v, causal: bool):
            return torch.scaled_dot_product_attention(q, k, v, None, 0.0, causal, scale=None, enable_gqa=True)

        def linear(x, w):
            return torch.linear(x, w, None)

        def mm(x, w):
            return torch.mm(x, w)

        def mm_into(x, w, c):
            return torch.mm(x, w, out=c)

        def mv(w, x):
            return torch.mv(w, x)

        def to_onednn(x):
            return x.to_mkldnn()

        def onednn_linear(x, w):
            return torch.mkldnn_linear(x.to_mkldnn(), w, None).to_dense()

        """;

    private static readonly Lazy<torch.jit.CompilationUnit> Module = new(() => torch.jit.compile(Source));

    /// <summary>Calls a function of the module.</summary>
    public static torch.Tensor Call(string function, params object[] arguments) =>
        (torch.Tensor)Module.Value.invoke(function, arguments);
}
