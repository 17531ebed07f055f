using System.Text.Json;
using Prescore.Models.Formats;
using Prescore.Models.Tokenizers;

namespace Prescore.Models.Evaluation;

/// <summary>Compares a tokenizer with reference ids: a text of lines <c>{"text": "…", "ids": […]}</c>.</summary>
public static class TokenizerVerifier
{
    private const string Form = "{\"text\": \"…\", \"ids\": […]}";

    /// <summary>Tokenizes every text of a file.</summary>
    /// <inheritdoc cref="Verify(ITokenizer, CaseLines, bool, CancellationToken)"/>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="casesPath">The file.</param>
    /// <param name="special">Whether control tokens in the texts are recognised.</param>
    /// <param name="cancellationToken">Stops between lines.</param>
    public static VerificationResult Verify(
        ITokenizer tokenizer, string casesPath, bool special = false, CancellationToken cancellationToken = default)
    {
        using TextInput cases = TextInput.Open(casesPath, cancellationToken);
        return Verify(tokenizer, new CaseLines(cases), special, cancellationToken);
    }

    /// <summary>Tokenizes every text. A compared value is a line; its difference is 0 where all ids are equal, else 1.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="cases">The lines; other members of a line are passed over.</param>
    /// <param name="special">Whether control tokens in the texts are recognised.</param>
    /// <param name="cancellationToken">Stops between lines.</param>
    /// <exception cref="ModelFormatException">A line is not of that form, or there are none.</exception>
    /// <exception cref="IOException">The text cannot be read.</exception>
    public static VerificationResult Verify(
        ITokenizer tokenizer, CaseLines cases, bool special = false, CancellationToken cancellationToken = default)
    {
        var ids = new LineComparison("ids", "id");
        foreach ((int line, (string text, int[] expected)) in cases.Read(Form, Read, cancellationToken))
        {
            ids.Add<int>(line, tokenizer.Encode(text, special), expected);
        }
        return new VerificationResult([ids.Result()], []);
    }

    private static (string Text, int[] Ids) Read(JsonElement line) => (
        line.GetProperty("text").GetString() ?? throw new FormatException(),
        [.. line.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())]);
}
