using System.Text.Json;
using Prescore.Models.Formats;
using Prescore.Models.Tokenizers;

namespace Prescore.Models.Evaluation;

/// <summary>Compares a tokenizer with reference ids: a file of lines <c>{"text": "…", "ids": […]}</c>.</summary>
public static class TokenizerVerifier
{
    /// <summary>Tokenizes every text of a file.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="casesPath">The file.</param>
    /// <param name="special">Whether control tokens in the texts are recognised.</param>
    /// <param name="cancellationToken">Stops between lines.</param>
    /// <exception cref="ModelFormatException">A line is not of that form, or there are none.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static VerificationResult Verify(
        GgufTokenizer tokenizer, string casesPath, bool special = false, CancellationToken cancellationToken = default)
    {
        using TextInput cases = TextInput.Open(casesPath, cancellationToken);
        return Verify(tokenizer, cases, special, cancellationToken);
    }

    /// <summary>Tokenizes every text. A compared value is a line; its difference is 0 where all ids are equal, else 1.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="cases">The text; blank lines and other members of a line are passed over.</param>
    /// <param name="special">Whether control tokens in the texts are recognised.</param>
    /// <param name="cancellationToken">Stops between lines.</param>
    /// <exception cref="ModelFormatException">A line is not of that form, or there are none.</exception>
    /// <exception cref="IOException">The text cannot be read.</exception>
    public static VerificationResult Verify(
        GgufTokenizer tokenizer, TextInput cases, bool special = false, CancellationToken cancellationToken = default)
    {
        int lines = 0, different = 0, number = 0;
        string? firstMismatch = null;
        while (cases.ReadLine() is string line)
        {
            cancellationToken.ThrowIfCancellationRequested();
            number++;
            if (string.IsNullOrWhiteSpace(line))
            {
                continue;
            }
            (string text, int[] ids) = Parse(cases.Name, line, number);
            lines++;
            int[] actual = tokenizer.Encode(text, special);
            if (!actual.AsSpan().SequenceEqual(ids))
            {
                different++;
                firstMismatch ??= Describe(number, actual, ids);
            }
        }
        return lines > 0
            ? new VerificationResult([new ArrayComparison("ids", lines, Math.Min(1, different), different / (double)lines, 0, firstMismatch)], [])
            : throw new ModelFormatException(cases.Name, "there is nothing to compare", "give it lines of {\"text\": \"…\", \"ids\": […]}");
    }

    private static (string Text, int[] Ids) Parse(string path, string line, int number)
    {
        try
        {
            using JsonDocument document = JsonDocument.Parse(line);
            return (
                document.RootElement.GetProperty("text").GetString() ?? throw new FormatException(),
                [.. document.RootElement.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())]);
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new ModelFormatException(
                path, $"line {number} is not of the form {{\"text\": \"…\", \"ids\": […]}}", "write one such object a line", error);
        }
    }

    private static string Describe(int line, int[] actual, int[] expected)
    {
        int at = actual.AsSpan().CommonPrefixLength(expected);
        return at < actual.Length && at < expected.Length
            ? $"line {line}, id {at}: {actual[at]} instead of {expected[at]}"
            : $"line {line}: {actual.Length} ids instead of {expected.Length}";
    }
}
