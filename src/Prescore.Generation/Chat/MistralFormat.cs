using System.Text;

namespace Prescore.Generation.Chat;

/// <summary>Mistral: the versions of its template differ in the spaces around [INST] and [/INST], which are read from it.</summary>
internal sealed class MistralFormat(ChatModel model) : IChatFormat
{
    private readonly string _open = model.Has("[INST] ") ? "[INST] " : "[INST]";
    private readonly string _close = model.Has(" [/INST]") ? " [/INST]" : "[/INST]";
    private readonly string _answer = model.Has("' ' + message") || model.Has("\" \" + message") ? " " : "";

    public void Write(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, StringBuilder text)
    {
        if (messages[0].Role == ChatMessage.System)
        {
            throw new UnsupportedChatException("Mistral's chat formats disagree on system messages; put it into the first question");
        }
        ChatTurns.RequireAlternation(messages);
        text.Append(model.Begin);
        foreach (ChatMessage message in messages)
        {
            if (message.Role == ChatMessage.User)
            {
                text.Append(_open).Append(message.Content).Append(_close);
            }
            else
            {
                text.Append(_answer).Append(message.Content).Append(model.End);
            }
        }
    }
}
