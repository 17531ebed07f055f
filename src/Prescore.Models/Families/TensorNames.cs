namespace Prescore.Models.Families;

/// <summary>
/// How a file names its tensors. A family speaks of them by GGUF's names (<c>token_embd.weight</c>,
/// <c>blk.0.attn_q.bias</c>); other files' names are made from those.
/// </summary>
internal sealed class TensorNames
{
    private const string LayerPrefix = "blk.";

    private readonly string? _layers;
    private readonly Dictionary<string, string> _names;

    /// <summary>Names of another convention.</summary>
    /// <param name="layers">What stands before a layer's number, such as <c>model.layers.</c>.</param>
    /// <param name="names">A tensor's name in the file by GGUF's, both without the layer and without <c>.weight</c>.</param>
    public TensorNames(string layers, IReadOnlyDictionary<string, string> names)
    {
        _layers = layers;
        _names = new Dictionary<string, string>(names);
    }

    private TensorNames()
    {
        _names = [];
    }

    /// <summary>GGUF's own names.</summary>
    public static TensorNames Gguf { get; } = new();

    /// <summary>The names of Llama and those that followed it.</summary>
    public static TensorNames HuggingFace { get; } = new("model.layers.", new Dictionary<string, string>
    {
        ["token_embd"] = "model.embed_tokens",
        ["output_norm"] = "model.norm",
        ["output"] = "lm_head",
        ["attn_norm"] = "input_layernorm",
        ["attn_q"] = "self_attn.q_proj",
        ["attn_k"] = "self_attn.k_proj",
        ["attn_v"] = "self_attn.v_proj",
        ["attn_q_norm"] = "self_attn.q_norm",
        ["attn_k_norm"] = "self_attn.k_norm",
        ["attn_output"] = "self_attn.o_proj",
        ["ffn_norm"] = "post_attention_layernorm",
        ["ffn_gate"] = "mlp.gate_proj",
        ["ffn_up"] = "mlp.up_proj",
        ["ffn_down"] = "mlp.down_proj",
    });

    /// <summary>The same convention with some names changed or added.</summary>
    public TensorNames With(params ReadOnlySpan<(string Gguf, string Name)> changes)
    {
        var names = new Dictionary<string, string>(_names);
        foreach ((string gguf, string name) in changes)
        {
            names[gguf] = name;
        }
        return new TensorNames(_layers!, names);
    }

    /// <summary>The file's name of a tensor, which may have none by this convention: then it is GGUF's.</summary>
    /// <param name="gguf">GGUF's name, such as <c>blk.3.attn_q.weight</c>.</param>
    public string Of(string gguf)
    {
        if (_layers is null)
        {
            return gguf;
        }
        int end = gguf.LastIndexOf('.');
        (string part, string suffix) = (gguf[..end], gguf[end..]);
        if (!part.StartsWith(LayerPrefix, StringComparison.Ordinal))
        {
            return _names.GetValueOrDefault(part, part) + suffix;
        }
        string[] pieces = part[LayerPrefix.Length..].Split('.', 2);
        return $"{_layers}{pieces[0]}.{_names.GetValueOrDefault(pieces[1], pieces[1])}{suffix}";
    }
}
