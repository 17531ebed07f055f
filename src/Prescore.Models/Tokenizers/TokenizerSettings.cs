using System.Text.Json;
using Prescore.Models.Formats;

namespace Prescore.Models.Tokenizers;

/// <summary>What the small files beside a Hugging Face tokenizer say of it.</summary>
internal sealed record TokenizerSettings
{
    /// <summary>Text of the token that begins a text.</summary>
    public string? Begin { get; init; }

    /// <summary>Text of the token that ends a text.</summary>
    public string? End { get; init; }

    /// <summary>Ids that end a generation.</summary>
    public IReadOnlyList<int> EndIds { get; init; } = [];

    /// <summary>Whether prompts start with <see cref="Begin"/>; null: not said.</summary>
    public bool? AddsBegin { get; init; }

    /// <summary>The chat template.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>Reads tokenizer_config.json, generation_config.json, config.json and chat_template.jinja; each may be missing.</summary>
    /// <exception cref="ModelFormatException">One of them is no JSON object, or a value is of the wrong kind.</exception>
    public static TokenizerSettings Read(string folder)
    {
        var settings = new TokenizerSettings();
        settings = Apply(folder, "tokenizer_config.json", settings, (root, known) => known with
        {
            Begin = TokenText(root, "bos_token"),
            End = TokenText(root, "eos_token"),
            AddsBegin = root.TryGetProperty("add_bos_token", out JsonElement adds) && adds.ValueKind is JsonValueKind.True or JsonValueKind.False ? adds.GetBoolean() : null,
            ChatTemplate = Template(root),
        });
        foreach (string name in new[] { "config.json", "generation_config.json" })
        {
            settings = Apply(folder, name, settings, (root, known) => known with { EndIds = [.. known.EndIds, .. Ids(root, "eos_token_id")] });
        }
        string template = Path.Combine(folder, "chat_template.jinja");
        return File.Exists(template) ? settings with { ChatTemplate = File.ReadAllText(template) } : settings;
    }

    private static TokenizerSettings Apply(string folder, string name, TokenizerSettings settings, Func<JsonElement, TokenizerSettings, TokenizerSettings> apply)
    {
        string path = Path.Combine(folder, name);
        if (!File.Exists(path))
        {
            return settings;
        }
        try
        {
            using JsonDocument document = JsonDocument.Parse(File.ReadAllBytes(path));
            return apply(document.RootElement, settings);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            throw new ModelFormatException(path, error.Message, "download the model again", error);
        }
    }

    /// <summary>A token, written as its text or as an object with the text in <c>content</c>.</summary>
    private static string? TokenText(JsonElement root, string name) =>
        !root.TryGetProperty(name, out JsonElement token) ? null
        : token.ValueKind == JsonValueKind.Object ? token.GetProperty("content").GetString()
        : token.GetString();

    private static IEnumerable<int> Ids(JsonElement root, string name) =>
        !root.TryGetProperty(name, out JsonElement ids) ? []
        : ids.ValueKind == JsonValueKind.Array ? [.. ids.EnumerateArray().Select(id => id.GetInt32())]
        : ids.ValueKind == JsonValueKind.Number ? [ids.GetInt32()]
        : [];

    /// <summary>The template, or the one named "default" of several.</summary>
    private static string? Template(JsonElement root) =>
        !root.TryGetProperty("chat_template", out JsonElement template) ? null
        : template.ValueKind == JsonValueKind.Array
            ? template.EnumerateArray().FirstOrDefault(entry => entry.GetProperty("name").GetString() == "default") is { ValueKind: JsonValueKind.Object } named
                ? named.GetProperty("template").GetString()
                : null
        : template.GetString();
}
