using Prescore.TorchSharp.Attention;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Prescore.TorchSharp.Vision;

/// <summary>One pre-norm transformer layer: attention and a GELU feed-forward, each added to the residual stream.</summary>
internal sealed class VisionLayer : nn.Module<Tensor, Tensor>
{
    private readonly LayerNorm _before;
    private readonly LayerNorm _after;
    private readonly Linear _inner;
    private readonly Linear _outer;

    public VisionLayer(VisionSettings settings, AttentionModule attention)
        : base(nameof(VisionLayer))
    {
        Attention = new MultiHeadSelfAttention(settings.HiddenSize, settings.Heads, attention);
        _before = nn.LayerNorm(settings.HiddenSize, settings.NormEpsilon);
        _after = nn.LayerNorm(settings.HiddenSize, settings.NormEpsilon);
        _inner = nn.Linear(settings.HiddenSize, settings.FeedForwardSize);
        _outer = nn.Linear(settings.FeedForwardSize, settings.HiddenSize);
        register_module("attention", Attention);
        register_module("before", _before);
        register_module("after", _after);
        register_module("inner", _inner);
        register_module("outer", _outer);
    }

    public MultiHeadSelfAttention Attention { get; }

    public override Tensor forward(Tensor input)
    {
        Tensor attended = input.Plus(Attention.call(_before.call(input)));
        return attended.Plus(_outer.call(nn.functional.gelu(_inner.call(_after.call(attended)))));
    }

    /// <summary>Parameters by the names that Hugging Face's ViT gives them, without the layer's prefix.</summary>
    public IEnumerable<(string Name, Tensor Value)> NamedTensors() =>
    [
        .. Of("attention.attention.query", Attention.Query.weight, Attention.Query.bias),
        .. Of("attention.attention.key", Attention.Key.weight, Attention.Key.bias),
        .. Of("attention.attention.value", Attention.Value.weight, Attention.Value.bias),
        .. Of("attention.output.dense", Attention.Output.weight, Attention.Output.bias),
        .. Of("layernorm_before", _before.weight, _before.bias),
        .. Of("layernorm_after", _after.weight, _after.bias),
        .. Of("intermediate.dense", _inner.weight, _inner.bias),
        .. Of("output.dense", _outer.weight, _outer.bias),
    ];

    /// <summary>Weight and bias of a module under a prefix.</summary>
    public static IEnumerable<(string Name, Tensor Value)> Of(string prefix, Tensor? weight, Tensor? bias) =>
        [(prefix + ".weight", weight!), (prefix + ".bias", bias!)];
}
