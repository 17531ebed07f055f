using System.Text;

namespace Prescore.Generation.Chat;

/// <summary>
/// Qwen 3: ChatML where what the model thought before an answer is dropped from all turns but those after the last
/// question.
/// </summary>
internal sealed class Qwen3Format : IChatFormat
{
    private const string ThoughtEnd = "</think>";

    public void Write(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, StringBuilder text)
    {
        int lastQuestion = messages.Count - 1;
        for (; lastQuestion >= 0 && messages[lastQuestion].Role != ChatMessage.User; lastQuestion--)
        {
        }
        for (int i = 0; i < messages.Count; i++)
        {
            string content = messages[i].Role == ChatMessage.Assistant ? Answer(messages[i].Content, i > lastQuestion, i == messages.Count - 1) : messages[i].Content;
            ChatMlFormat.WriteMessage(messages[i].Role, content, text);
        }
        text.Append(addGenerationPrompt ? "<|im_start|>assistant\n" : "");
    }

    private static string Answer(string content, bool afterLastQuestion, bool last)
    {
        int end = content.LastIndexOf(ThoughtEnd, StringComparison.Ordinal);
        string thought = end < 0 ? "" : content[..content.IndexOf(ThoughtEnd, StringComparison.Ordinal)].TrimEnd('\n').Split("<think>")[^1].TrimStart('\n');
        string answer = end < 0 ? content : content[(end + ThoughtEnd.Length)..].TrimStart('\n');
        return afterLastQuestion && (last || thought.Length > 0)
            ? $"<think>\n{thought.Trim('\n')}\n{ThoughtEnd}\n\n{answer.TrimStart('\n')}"
            : answer;
    }
}
