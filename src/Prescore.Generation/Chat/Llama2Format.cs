using System.Text;

namespace Prescore.Generation.Chat;

/// <summary>Llama 2: questions between [INST] and [/INST], the system message within the first.</summary>
internal sealed class Llama2Format(ChatModel model) : IChatFormat
{
    public void Write(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, StringBuilder text)
    {
        ChatTurns.RequireAlternation(messages);
        string system = messages[0].Role == ChatMessage.System ? $"<<SYS>>\n{messages[0].Content}\n<</SYS>>\n\n" : "";
        foreach (ChatMessage message in messages.Where(message => message.Role != ChatMessage.System))
        {
            if (message.Role == ChatMessage.User)
            {
                text.Append(model.Begin).Append("[INST] ").Append((system + message.Content).Trim()).Append(" [/INST]");
                system = "";
            }
            else
            {
                text.Append(' ').Append(message.Content.Trim()).Append(' ').Append(model.End);
            }
        }
    }
}
