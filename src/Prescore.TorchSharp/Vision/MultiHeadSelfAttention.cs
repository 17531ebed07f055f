using Prescore.TorchSharp.Attention;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Prescore.TorchSharp.Vision;

/// <summary>
/// Multi-head self-attention with any <see cref="AttentionModule"/> between its projections: takes and returns
/// [batch, tokens, width]. Stands where a transformer has exact attention.
/// </summary>
public sealed class MultiHeadSelfAttention : nn.Module<Tensor, Tensor>
{
    private readonly int _heads;

    /// <summary>Creates the layer with libtorch's default initialisation.</summary>
    /// <param name="width">Width of tokens; a multiple of <paramref name="heads"/>.</param>
    /// <param name="heads">Number of heads.</param>
    /// <param name="attention">The method; it has no parameters and can be exchanged.</param>
    public MultiHeadSelfAttention(int width, int heads, AttentionModule attention)
        : base(nameof(MultiHeadSelfAttention))
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(width % heads, 0, nameof(width));
        _heads = heads;
        Attention = attention;
        Query = Register("query", nn.Linear(width, width));
        Key = Register("key", nn.Linear(width, width));
        Value = Register("value", nn.Linear(width, width));
        Output = Register("output", nn.Linear(width, width));
    }

    /// <summary>The attention method.</summary>
    public AttentionModule Attention { get; set; }

    /// <summary>Projection to queries.</summary>
    public Linear Query { get; }

    /// <summary>Projection to keys.</summary>
    public Linear Key { get; }

    /// <summary>Projection to values.</summary>
    public Linear Value { get; }

    /// <summary>Projection of the heads' outputs.</summary>
    public Linear Output { get; }

    /// <inheritdoc/>
    public override Tensor forward(Tensor input)
    {
        long batch = input.shape[0], tokens = input.shape[1], width = input.shape[2];
        // One product for the three projections.
        Tensor weight = cat([Query.weight, Key.weight, Value.weight], 0), bias = cat([Query.bias!, Key.bias!, Value.bias!], 0);
        Tensor projected = nn.functional.linear(input, weight, bias).view(batch, tokens, 3, _heads, width / _heads).permute(2, 0, 3, 1, 4);
        Tensor attended = Attention.call(projected[0], projected[1], projected[2]);
        return Output.call(attended.transpose(1, 2).reshape(batch, tokens, width));
    }

    private Linear Register(string name, Linear module)
    {
        register_module(name, module);
        return module;
    }
}
