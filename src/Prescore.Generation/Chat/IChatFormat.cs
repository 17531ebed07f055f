using System.Text;

namespace Prescore.Generation.Chat;

/// <summary>How one family of models writes conversations.</summary>
internal interface IChatFormat
{
    /// <summary>Writes messages.</summary>
    /// <param name="messages">The messages, at least one, of known roles.</param>
    /// <param name="addGenerationPrompt">Whether the beginning of the model's answer follows.</param>
    /// <param name="text">Receives the text, control tokens written out.</param>
    /// <exception cref="UnsupportedChatException">The format has no place for a message.</exception>
    void Write(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, StringBuilder text);
}

/// <summary>What a format needs of a model.</summary>
/// <param name="Template">The model's template, in Jinja.</param>
/// <param name="Begin">Text of the token that begins a text; empty: the model has none.</param>
/// <param name="End">Text of the token that ends an answer; empty: the model has none.</param>
internal sealed record ChatModel(string Template, string Begin, string End)
{
    /// <summary>Whether the template contains a text.</summary>
    public bool Has(string marker) => Template.Contains(marker, StringComparison.Ordinal);
}
