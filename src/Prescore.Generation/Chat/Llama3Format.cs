using System.Text;
using System.Text.RegularExpressions;

namespace Prescore.Generation.Chat;

/// <summary>Llama 3; from 3.1 on every conversation begins with a system message that holds two dates.</summary>
internal sealed partial class Llama3Format(ChatModel model) : IChatFormat
{
    private readonly bool _dates = model.Has("Cutting Knowledge Date");

    /// <summary>The date that the template itself falls back to, so that a prompt does not change from day to day.</summary>
    private readonly string _today = TodaysDate().Match(model.Template) is { Success: true } match ? match.Groups["date"].Value : "26 Jul 2024";

    public void Write(IReadOnlyList<ChatMessage> messages, bool addGenerationPrompt, StringBuilder text)
    {
        text.Append(model.Begin);
        bool hasSystem = messages[0].Role == ChatMessage.System;
        if (_dates)
        {
            string system = hasSystem ? messages[0].Content.Trim() : "";
            WriteMessage(ChatMessage.System, $"Cutting Knowledge Date: December 2023\nToday Date: {_today}\n\n{system}", text);
        }
        foreach (ChatMessage message in messages.Skip(_dates && hasSystem ? 1 : 0))
        {
            WriteMessage(message.Role, message.Content.Trim(), text);
        }
        text.Append(addGenerationPrompt ? "<|start_header_id|>assistant<|end_header_id|>\n\n" : "");
    }

    private static void WriteMessage(string role, string content, StringBuilder text) =>
        text.Append("<|start_header_id|>").Append(role).Append("<|end_header_id|>\n\n").Append(content).Append("<|eot_id|>");

    [GeneratedRegex(@"date_string = ""(?<date>\d+ \w+ \d+)""")]
    private static partial Regex TodaysDate();
}
