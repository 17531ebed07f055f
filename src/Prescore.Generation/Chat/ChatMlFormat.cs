using System.Text;
using System.Text.RegularExpressions;

namespace Prescore.Generation.Chat;

/// <summary>ChatML (SmolLM2, Qwen2 and many others), with the system message that a template puts in where there is none.</summary>
internal sealed partial class ChatMlFormat(ChatModel model) : IChatFormat
{
    /// <summary>A whole system message written out in the template is the one for conversations without.</summary>
    private readonly string? _defaultSystem = DefaultSystem().Match(model.Template) is { Success: true } match
        ? match.Groups["text"].Value.Replace("\\n", "\n", StringComparison.Ordinal)
        : null;

    public void Write(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, StringBuilder text)
    {
        if (messages[0].Role != ChatMessage.System && _defaultSystem is not null)
        {
            WriteMessage(ChatMessage.System, _defaultSystem, text);
        }
        foreach (ChatMessage message in messages)
        {
            WriteMessage(message.Role, message.Content, text);
        }
        text.Append(addGenerationPrompt ? "<|im_start|>assistant\n" : "");
    }

    /// <summary>One message of the format.</summary>
    public static void WriteMessage(string role, string content, StringBuilder text) =>
        text.Append("<|im_start|>").Append(role).Append('\n').Append(content).Append("<|im_end|>\n");

    [GeneratedRegex(@"<\|im_start\|>system(?:\\n|\n)(?<text>[^{}'""|]+)<\|im_end\|>")]
    private static partial Regex DefaultSystem();
}
