using System.Text.Json;
using Prescore.Generation.Chat;
using Prescore.Models.Evaluation;
using Prescore.Models.Tokenizers;

namespace Prescore.Generation.Verification;

/// <summary>
/// Compares chat templates with reference texts and ids: a text of lines
/// <c>{"messages": [{"role": "…", "content": "…"}], "add_generation_prompt": true, "text": "…", "ids": […]}</c>.
/// </summary>
public static class ChatVerifier
{
    private const string Form = "{\"messages\": […], \"add_generation_prompt\": …, \"text\": \"…\", \"ids\": […]}";

    /// <summary>Whether a text holds such lines.</summary>
    public static bool Fits(CaseLines cases) => cases.FirstMembers().Contains("messages");

    /// <summary>Renders and tokenizes every conversation. A compared value is a line; its difference is 0 where all is equal, else 1.</summary>
    /// <exception cref="Models.Formats.ModelFormatException">A line is not of that form, or there are none.</exception>
    /// <exception cref="UnsupportedChatException">The model has no chat template, or one with something in it that is not known, or it refuses a conversation.</exception>
    public static VerificationResult Verify(ModelTokenizer model, CaseLines cases, CancellationToken cancellationToken = default)
    {
        ChatTemplate template = ChatTemplate.Of(model);
        var texts = new LineComparison("text", "character");
        var ids = new LineComparison("ids", "id");
        foreach ((int line, ChatCase expected) in cases.Read(Form, Read, cancellationToken))
        {
            string text = template.Render(expected.Messages, expected.AddGenerationPrompt);
            texts.Add<char>(line, text, expected.Text);
            ids.Add<int>(line, model.Tokenizer.Encode(text, special: true), expected.Ids);
        }
        return new VerificationResult([texts.Result(), ids.Result()], []);
    }

    private static ChatCase Read(JsonElement line) => new(
        [
            .. line.GetProperty("messages").EnumerateArray().Select(message => new ChatMessage(
                message.GetProperty("role").GetString() ?? throw new FormatException(), message.GetProperty("content").GetString() ?? throw new FormatException())),
        ],
        line.GetProperty("add_generation_prompt").GetBoolean(),
        line.GetProperty("text").GetString() ?? throw new FormatException(),
        [.. line.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())]);

    private sealed record ChatCase(ChatMessage[] Messages, bool AddGenerationPrompt, string Text, int[] Ids);
}
