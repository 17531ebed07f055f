using System.Text.Json;
using Prescore.Models.Formats;

namespace Prescore.Models.Families;

/// <summary>A Hugging Face <c>config.json</c>, as version 4 or 5 of transformers writes it.</summary>
internal sealed class ConfigModelMetadata : ModelMetadata
{
    // The largest configurations take some tens of kilobytes.
    private const long MaximumBytes = 10_000_000;

    /// <summary>Unread keys that hold one of these words may change numbers; others are about training, generation or files.</summary>
    private static readonly string[] Suspicious =
    [
        "rope", "rotary", "scal", "softcap", "window", "bias", "norm", "multiplier", "expert", "moe", "quant", "act", "alibi",
        "attention", "attn", "layer_types", "residual", "position", "parallel", "shared", "kv_", "lora", "mlp",
    ];

    /// <summary>Keys that hold such a word and change nothing in what is computed here.</summary>
    private static readonly string[] Harmless =
    [
        "activation_dropout", "architectures", "attention_dropout", "attention_softmax_in_fp32", "attn_pdrop", "_attn_implementation",
        "attn_implementation", "_attn_implementation_autoset", "apply_query_key_layer_scaling", "bias_dropout_fusion",
        "classifier_activation", "fp32_residual_connection", "initializer_factor", "max_window_layers", "output_attentions",
        "position_embedding_type", "pretraining_tp", "reorder_and_upcast_attn", "router_aux_loss_coef", "_sliding_window_pattern",
        "summary_activation",
    ];

    private readonly JsonElement _root;
    private readonly HashSet<string> _read = [];

    private ConfigModelMetadata(string path, JsonElement root)
    {
        Path = path;
        _root = root;
        Architecture = Text(null, "model_type", "");
        Architecture = Architecture.Length > 0 ? Architecture : throw new ModelFormatException(
            path, "the key 'model_type' is missing", "give the config.json of a language model");
    }

    public override string Path { get; }

    public override bool IsGguf => false;

    public override string Architecture { get; }

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="ModelFormatException">It is no JSON object, or names no model type.</exception>
    /// <exception cref="IOException">It is missing or cannot be read.</exception>
    public static ConfigModelMetadata Read(string path)
    {
        if (new FileInfo(path).Length > MaximumBytes)
        {
            throw new ModelFormatException(path, "the file is too large for a configuration", "give the config.json of a language model");
        }
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            RequireText(document.RootElement);
            return document.RootElement.ValueKind == JsonValueKind.Object
                ? new ConfigModelMetadata(path, document.RootElement.Clone())
                : throw new ModelFormatException(path, "the configuration is no JSON object", "give the config.json of a language model");
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            throw new ModelFormatException(path, $"the configuration is no valid JSON: {exception.Message.ReplaceLineEndings(" ")}", "fetch the file again", exception);
        }
    }

    /// <summary>Reads all strings: the parser lets pass what is no UTF-8, or half a surrogate pair, until they are asked for.</summary>
    /// <exception cref="InvalidOperationException">One of them cannot be read.</exception>
    private static void RequireText(JsonElement element)
    {
        switch (element.ValueKind)
        {
            case JsonValueKind.String:
                _ = element.GetString();
                break;
            case JsonValueKind.Array:
                foreach (JsonElement item in element.EnumerateArray())
                {
                    RequireText(item);
                }
                break;
            case JsonValueKind.Object:
                foreach (JsonProperty property in element.EnumerateObject())
                {
                    _ = property.Name;
                    RequireText(property.Value);
                }
                break;
        }
    }

    public override bool Has(string? gguf, string? config) => config is not null && Find(config) is not null;

    public override int Count(string? gguf, string? config, int? fallback = null) =>
        Find(config) is not { } value ? fallback ?? throw Missing(config)
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && number >= 0 && number <= int.MaxValue && number == Math.Floor(number)
            ? (int)number
            : throw WrongType(config!, value, "a whole number");

    public override double Number(string? gguf, string? config, double? fallback = null) =>
        Find(config) is not { } value ? fallback ?? throw Missing(config) : AsNumber(config!, value);

    public override bool Flag(string? gguf, string? config, bool fallback) => Find(config) switch
    {
        null => fallback,
        { ValueKind: JsonValueKind.True } => true,
        { ValueKind: JsonValueKind.False } => false,
        JsonElement value => throw WrongType(config!, value, "true or false"),
    };

    public override string Text(string? gguf, string? config, string fallback) => Find(config) switch
    {
        null => fallback,
        { ValueKind: JsonValueKind.String } value => value.GetString()!,
        JsonElement value => throw WrongType(config!, value, "a string"),
    };

    /// <summary>Whether a key is there and null.</summary>
    public bool IsNull(string config) => _root.TryGetProperty(config, out JsonElement value) && value.ValueKind == JsonValueKind.Null;

    /// <summary>An array of strings; null where the key is absent.</summary>
    public string[]? Texts(string config) => Find(config) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Array } value when value.EnumerateArray().All(item => item.ValueKind == JsonValueKind.String) =>
            [.. value.EnumerateArray().Select(item => item.GetString()!)],
        JsonElement value => throw WrongType(config, value, "an array of strings"),
    };

    /// <summary>An object; null where the key is absent.</summary>
    public JsonElement? Object(string config) => Find(config) switch
    {
        null => null,
        { ValueKind: JsonValueKind.Object } value => value,
        JsonElement value => throw WrongType(config, value, "an object"),
    };

    /// <summary>A finite number that stands in an object of the file.</summary>
    public double AsNumber(string name, JsonElement value) =>
        value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out double number) && double.IsFinite(number)
            ? number
            : throw WrongType(name, value, "a number");

    public override string NameOf(string? gguf, string? config) => config ?? "";

    public override void RefuseUnread()
    {
        foreach (JsonProperty property in _root.EnumerateObject())
        {
            if (!_read.Contains(property.Name) && !Harmless.Contains(property.Name) && !IsNeutral(property.Value)
                && Suspicious.Any(word => property.Name.Contains(word, StringComparison.OrdinalIgnoreCase)))
            {
                throw new ModelFormatException(
                    Path, $"the key '{property.Name}' has no place in this architecture", "the model is of a variant that is not supported");
            }
        }
    }

    /// <summary>A key that is not of the type that it should be.</summary>
    public ModelFormatException WrongType(string name, JsonElement value, string wanted) =>
        new(Path, $"'{name}' should be {wanted} but is {Shorten(value.GetRawText())}", "fetch the file again");

    private static bool IsNeutral(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Null or JsonValueKind.False => true,
        JsonValueKind.Number => value.TryGetDouble(out double number) && number == 0,
        JsonValueKind.String => value.GetString()!.Length == 0,
        JsonValueKind.Array => value.GetArrayLength() == 0,
        JsonValueKind.Object => !value.EnumerateObject().Any(),
        _ => false,
    };

    private static string Shorten(string text) => text.ReplaceLineEndings(" ") is { Length: > 60 } line ? line[..60] + "…" : text.ReplaceLineEndings(" ");

    private JsonElement? Find(string? config)
    {
        if (config is null)
        {
            return null;
        }
        _read.Add(config);
        return _root.TryGetProperty(config, out JsonElement value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    private ModelFormatException Missing(string? config) =>
        new(Path, $"the key '{config}' is missing", "fetch the file again");
}
