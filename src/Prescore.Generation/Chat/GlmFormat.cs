using System.Text;

namespace Prescore.Generation.Chat;

/// <summary>GLM: ChatGLM 3 writes a space after the line break of a role, GLM-4 none.</summary>
internal sealed class GlmFormat(ChatModel model) : IChatFormat
{
    private readonly bool _isGlm4 = model.Has("[gMASK]<sop>");

    /// <summary>Whether the answer begins on a line of its own.</summary>
    private readonly bool _breaksLine = model.Has("<|assistant|>\\n") || model.Has("<|assistant|>\n");

    public void Write(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, StringBuilder text)
    {
        text.Append(_isGlm4 ? "[gMASK]<sop>" : "[gMASK]sop");
        foreach (ChatMessage message in messages)
        {
            text.Append("<|").Append(message.Role).Append("|>\n").Append(_isGlm4 ? "" : " ").Append(message.Content);
        }
        text.Append(!addGenerationPrompt ? "" : _isGlm4 && _breaksLine ? "<|assistant|>\n" : "<|assistant|>");
    }
}
