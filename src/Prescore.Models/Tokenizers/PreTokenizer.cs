using System.Text.RegularExpressions;
using Prescore.Models.Formats;

namespace Prescore.Models.Tokenizers;

/// <summary>
/// Cuts a text into the pieces that are merged each for itself. A pre-tokenizer is a sequence of patterns: each cuts
/// the pieces of the one before it into its matches and what lies between them.
/// </summary>
internal sealed class PreTokenizer
{
    private const string Number = @"\p{N}";

    /// <summary>The pattern of GPT-2, which the stage named ByteLevel of a tokenizer.json has too.</summary>
    internal const string Gpt2 =
        @"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";

    private const string Llama3 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    private const string Qwen2 =
        @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";

    /// <summary>Patterns by the name in <c>tokenizer.ggml.pre</c>: a pre-tokenizer is one line.</summary>
    private static readonly Dictionary<string, string[]> Known = new()
    {
        ["gpt-2"] = [Gpt2],
        ["smollm"] = [Number, Gpt2],
        ["llama-bpe"] = [Llama3],
        ["llama3"] = [Llama3],
        ["llama-v3"] = [Llama3],
        ["glm4"] = [Llama3],
        ["chatglm-bpe"] = [Llama3],
        ["qwen2"] = [Qwen2],
        ["deepseek-r1-qwen"] = [Qwen2],
    };

    /// <summary>Longest time for one match: a pattern from a file may be one that backtracks without end.</summary>
    private static readonly TimeSpan LongestMatch = TimeSpan.FromSeconds(5);

    private readonly Regex[] _stages;
    private readonly string? _path;

    /// <summary>A sequence of patterns, in the order in which they cut.</summary>
    /// <param name="patterns">The patterns.</param>
    /// <param name="path">The file that they come from; null: they are our own.</param>
    /// <exception cref="ArgumentException">Something is no pattern.</exception>
    public PreTokenizer(IEnumerable<string> patterns, string? path = null)
    {
        TimeSpan longest = path is null ? Regex.InfiniteMatchTimeout : LongestMatch;
        _stages = [.. patterns.Select(pattern => new Regex(pattern, RegexOptions.Compiled | RegexOptions.CultureInvariant, longest))];
        _path = path;
    }

    /// <summary>Receives a piece by its place; false stops the cutting.</summary>
    public delegate bool PieceVisitor(int start, int length);

    /// <summary>Names of all pre-tokenizers.</summary>
    public static string[] Names => [.. Known.Keys];

    /// <summary>The pre-tokenizer of a name, or null for an unknown one.</summary>
    public static PreTokenizer? Find(string name) => Known.TryGetValue(name, out string[]? patterns) ? new(patterns) : null;

    /// <summary>Visits the pieces of a text from left to right; together they are the whole text.</summary>
    /// <returns>False where the visitor stopped.</returns>
    /// <exception cref="ModelFormatException">A pattern from a file takes too long.</exception>
    public bool Split(ReadOnlySpan<char> text, PieceVisitor visit)
    {
        if (!text.ContainsAnyInRange('\uD800', '\uDFFF'))
        {
            return Split(text, 0, 0, visit);
        }
        CodePointText points = new(text);
        int at = 0;
        // Pieces come without gaps, so their places in the text follow from their numbers of code points.
        return Split(points.Characters, 0, 0, (start, length) =>
        {
            int begin = at;
            at += points.CharactersBetween(start, start + length);
            return visit(begin, at - begin);
        });
    }

    private bool Split(ReadOnlySpan<char> text, int start, int stage, PieceVisitor visit)
    {
        if (text.IsEmpty)
        {
            return true;
        }
        if (stage == _stages.Length)
        {
            return visit(start, text.Length);
        }
        int at = 0;
        Regex.ValueMatchEnumerator matches = _stages[stage].EnumerateMatches(text);
        while (Next(ref matches, stage))
        {
            ValueMatch match = matches.Current;
            if (!Split(text[at..match.Index], start + at, stage + 1, visit)
                || !Split(text.Slice(match.Index, match.Length), start + match.Index, stage + 1, visit))
            {
                return false;
            }
            at = match.Index + match.Length;
        }
        return Split(text[at..], start + at, stage + 1, visit);
    }

    private bool Next(ref Regex.ValueMatchEnumerator matches, int stage)
    {
        try
        {
            return matches.MoveNext();
        }
        catch (RegexMatchTimeoutException error)
        {
            throw new ModelFormatException(
                _path!, $"the pre-tokenizer's pattern '{_stages[stage]}' takes too long", "use a model with another tokenizer", error);
        }
    }
}
