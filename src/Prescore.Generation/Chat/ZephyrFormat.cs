using System.Text;

namespace Prescore.Generation.Chat;

/// <summary>Zephyr and TinyLlama.</summary>
internal sealed class ZephyrFormat(ChatModel model) : IChatFormat
{
    public void Write(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, StringBuilder text)
    {
        foreach (ChatMessage message in messages)
        {
            text.Append("<|").Append(message.Role).Append("|>\n").Append(message.Content).Append(model.End).Append('\n');
        }
        text.Append(addGenerationPrompt ? "<|assistant|>\n" : "");
    }
}
