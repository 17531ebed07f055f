using System.Text.Json;
using Prescore.Models.Evaluation;
using Prescore.Models.Formats;
using Prescore.Models.Tokenizers;

namespace Prescore.Generation.Verification;

/// <summary>
/// Compares greedy continuations with reference ids: a text of lines
/// <c>{"prompt": "…", "ids": […], "continuation": […]}</c>. Generation goes on after end tokens.
/// </summary>
public static class GreedyVerifier
{
    private const string Form = "{\"prompt\": \"…\", \"ids\": […], \"continuation\": […]}";

    /// <summary>Whether a text holds such lines.</summary>
    public static bool Fits(CaseLines cases) => cases.FirstMembers().Contains("continuation");

    /// <summary>Continues every prompt. A compared value is a line; its difference is 0 where all is equal, else 1.</summary>
    /// <param name="session">A session of the model; what it holds is lost.</param>
    /// <param name="tokenizer">The model's tokenizer.</param>
    /// <param name="cases">The lines.</param>
    /// <param name="cancellationToken">Stops between lines.</param>
    /// <exception cref="ModelFormatException">A line is not of that form or holds ids outside the vocabulary, or there are none.</exception>
    public static VerificationResult Verify(
        PromptSession session, ITokenizer tokenizer, CaseLines cases, CancellationToken cancellationToken = default)
    {
        var generator = new TextGenerator(session, tokenizer);
        var prompts = new LineComparison("prompt ids", "id");
        var continuations = new LineComparison("continuation", "id");
        foreach ((int line, (string prompt, int[] ids, int[] expected)) in cases.Read(Form, Read, cancellationToken))
        {
            if (ids.Length == 0 || expected.Length == 0 || ids.Any(id => (uint)id >= (uint)tokenizer.VocabularySize))
            {
                throw new ModelFormatException(cases.Name, $"line {line} has no ids, or some outside the model's vocabulary", "use cases made for this model");
            }
            prompts.Add<int>(line, tokenizer.Encode(prompt, special: true), ids);
            GenerationResult result = generator.Generate(
                ids, new GenerationOptions { MaxTokens = expected.Length, IgnoresEnd = true }, cancellationToken: cancellationToken);
            cancellationToken.ThrowIfCancellationRequested();
            continuations.Add<int>(line, result.Tokens.ToArray(), expected);
        }
        return new VerificationResult([prompts.Result(), continuations.Result()], []);
    }

    private static (string Prompt, int[] Ids, int[] Continuation) Read(JsonElement line) => (
        line.GetProperty("prompt").GetString() ?? throw new FormatException(), Ids(line, "ids"), Ids(line, "continuation"));

    private static int[] Ids(JsonElement line, string name) => [.. line.GetProperty(name).EnumerateArray().Select(id => id.GetInt32())];
}
