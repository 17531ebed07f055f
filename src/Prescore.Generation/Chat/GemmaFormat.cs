using System.Text;

namespace Prescore.Generation.Chat;

/// <summary>Gemma: Gemma 3 puts a system message before the first question, Gemma 1 and 2 have none.</summary>
internal sealed class GemmaFormat(ChatModel model) : IChatFormat
{
    private readonly bool _refusesSystem = model.Has("System role not supported");

    public void Write(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, StringBuilder text)
    {
        text.Append(model.Begin);
        string prefix = "";
        if (messages[0].Role == ChatMessage.System)
        {
            prefix = _refusesSystem ? throw new UnsupportedChatException("this model's chat format has no system messages") : messages[0].Content + "\n\n";
        }
        ChatTurns.RequireAlternation(messages);
        foreach (ChatMessage message in messages.Where(message => message.Role != ChatMessage.System))
        {
            string role = message.Role == ChatMessage.Assistant ? "model" : message.Role;
            text.Append("<start_of_turn>").Append(role).Append('\n').Append(prefix).Append(message.Content.Trim()).Append("<end_of_turn>\n");
            prefix = "";
        }
        text.Append(addGenerationPrompt ? "<start_of_turn>model\n" : "");
    }
}
