using Prescore.Models.Formats.Gguf;

namespace Prescore.Models.Families;

/// <summary>Metadata of a GGUF file: keys below <c>general.architecture</c>.</summary>
internal sealed class GgufModelMetadata(GgufFile file) : ModelMetadata
{
    /// <summary>Keys that say nothing about arithmetic, or what the tensors' shapes say too.</summary>
    private static readonly string[] Harmless = ["vocab_size", "tensor_data_layout", "rope.scaling.finetuned"];

    /// <summary>Keys that change nothing at 1 or true; others change nothing at 0 or false.</summary>
    private static readonly string[] NeutralAtOne = ["attention.causal", "embedding_scale", "logit_scale", "residual_scale"];

    private readonly HashSet<string> _read = [];

    public override string Path => file.Path;

    public override bool IsGguf => true;

    public override string Architecture { get; } = file.Metadata.GetString("general.architecture");

    public override bool Has(string? gguf, string? config) => gguf is not null && file.Metadata.Contains(Key(gguf));

    public override int Count(string? gguf, string? config, int? fallback = null) =>
        Found(gguf, fallback, out string key) ? file.Metadata.GetCount(key) : fallback!.Value;

    public override double Number(string? gguf, string? config, double? fallback = null)
    {
        if (!Found(gguf, fallback, out string key))
        {
            return fallback!.Value;
        }
        float value = file.Metadata.GetFloat(key);
        return float.IsFinite(value) ? value : throw Unsupported(key, value);
    }

    public override bool Flag(string? gguf, string? config, bool fallback) =>
        Found(gguf, fallback, out string key) ? file.Metadata.GetBoolean(key) : fallback;

    public override string Text(string? gguf, string? config, string fallback) =>
        Found(gguf, fallback, out string key) ? file.Metadata.GetString(key) : fallback;

    public override string NameOf(string? gguf, string? config) => Key(gguf ?? "");

    public override void RefuseUnread()
    {
        string prefix = Architecture + ".";
        foreach (string key in file.Metadata.Keys)
        {
            if (key.StartsWith(prefix, StringComparison.Ordinal) && !_read.Contains(key)
                && !Harmless.Contains(key[prefix.Length..]) && !IsNeutral(file.Metadata[key], NeutralAtOne.Contains(key[prefix.Length..]) ? 1 : 0))
            {
                throw Unsupported(key, file.Metadata[key]);
            }
        }
    }

    /// <summary>Zero experts, no soft cap and the like: the key names something that the model does not have.</summary>
    private static bool IsNeutral(object value, double neutral) => value switch
    {
        string text => text.Length == 0,
        Array array => array.Length == 0,
        IConvertible number => number.ToDouble(null) == neutral,
        _ => false,
    };

    private bool Found(string? gguf, object? fallback, out string key)
    {
        key = Key(gguf ?? "");
        _read.Add(key);
        return gguf is not null && (fallback is null || file.Metadata.Contains(key));
    }

    private string Key(string gguf) => $"{Architecture}.{gguf}";
}
