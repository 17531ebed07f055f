using Prescore.Models.Tokenizers;
using Prescore.Numerics;

namespace Prescore.Experiments.Needle;

/// <summary>A question about a needle and the answer to it.</summary>
/// <param name="Depth">Place of the needle, 0 at the beginning.</param>
/// <param name="Tokens">Tokens that the haystack is continued with.</param>
/// <param name="Answer">The first token of the answer.</param>
internal sealed record NeedleQuestion(int Depth, int[] Tokens, int Answer);

/// <summary>
/// A part of a text with a needle at every depth: "The secret word of NAME is WORD." All needles have the same form and
/// different names and words, so every one distracts from the others (multi-key retrieval as in RULER, arXiv 2404.06654),
/// and one prefill serves all questions.
/// </summary>
internal sealed class NeedleHaystack
{
    /// <summary>Tokens kept free at the end for a question and its answer.</summary>
    private const int QuestionRoom = 32;

    private static readonly string[] Names =
    [
        "Paris", "London", "Tokyo", "Berlin", "Madrid", "Rome", "Cairo", "Sydney", "Boston", "Chicago", "Vienna", "Dublin", "Lisbon", "Prague",
        "Warsaw", "Athens", "Delhi", "Beijing", "Toronto", "Dallas", "Denver", "Seattle", "Houston", "Atlanta", "Oslo", "Milan", "Zurich",
        "Munich", "Havana", "Lima", "Nairobi", "Bangkok",
    ];

    private static readonly string[] Words =
    [
        "apple", "river", "table", "mountain", "window", "garden", "silver", "horse", "bridge", "music", "winter", "paper", "candle", "ocean",
        "forest", "engine", "mirror", "bottle", "castle", "island", "pepper", "rocket", "summer", "button", "cotton", "dragon", "ladder",
        "market", "needle", "orange", "pillow", "tunnel",
    ];

    private NeedleHaystack(int[] tokens, NeedleQuestion[] questions)
    {
        Tokens = tokens;
        Questions = questions;
    }

    /// <summary>Most needles a haystack can have.</summary>
    public static int MostNeedles => Names.Length;

    /// <summary>The haystack with its needles.</summary>
    public int[] Tokens { get; }

    /// <summary>One question a needle, by depth.</summary>
    public NeedleQuestion[] Questions { get; }

    /// <summary>Builds a haystack: which part of the text, which names and words follows from seed and number alone.</summary>
    /// <param name="text">Tokens of the whole text.</param>
    /// <param name="tokenizer">Its tokenizer.</param>
    /// <param name="length">Tokens of haystack and question.</param>
    /// <param name="depths">Number of needles.</param>
    /// <param name="number">Number of the haystack.</param>
    /// <param name="seed">Seed.</param>
    /// <exception cref="BadInputException">The text is too short, or the length is for so many needles.</exception>
    public static NeedleHaystack Create(int[] text, ITokenizer tokenizer, int length, int depths, int number, ulong seed)
    {
        double Draw(int purpose, int index) => CounterRandom.Uniform(CounterRandom.Hash(seed, length, number, index, RandomStream.Needle + purpose));
        string[] names = [.. Names.OrderBy(name => Draw(0, Array.IndexOf(Names, name))).Take(depths)];
        string[] words = [.. Words.OrderBy(word => Draw(1, Array.IndexOf(Words, word))).Take(depths)];
        string[] needles = [.. names.Zip(words, (name, word) => $" {Statement(name)} {word}.")];
        int[][] needleTokens = [.. needles.Select(needle => tokenizer.Encode(needle))];
        int straw = length - QuestionRoom - needleTokens.Sum(tokens => tokens.Length);
        if (straw < depths * 4 || straw > text.Length)
        {
            throw new BadInputException(straw > text.Length
                ? $"the text has {text.Length} tokens, too few for a haystack of {length}; use a longer text"
                : $"a haystack of {length} tokens is too short for {depths} needles; use fewer depths or longer haystacks");
        }
        int start = (int)(Draw(2, 0) * (text.Length - straw + 1));
        var tokens = new List<int>(length);
        int from = 0;
        for (int i = 0; i < depths; i++)
        {
            int at = depths == 1 ? straw / 2 : (int)((long)straw * i / (depths - 1));
            at = Math.Max(from, SentenceEnd(text, tokenizer, start, at, straw));
            tokens.AddRange(text.AsSpan(start + from, at - from));
            tokens.AddRange(needleTokens[i]);
            from = at;
        }
        tokens.AddRange(text.AsSpan(start + from, straw - from));
        NeedleQuestion[] questions = [.. names.Select((name, i) => Ask(tokenizer, i, name, words[i]))];
        return questions.Select(question => question.Answer).Distinct().Count() == depths
            ? new NeedleHaystack([.. tokens], questions)
            : throw new BadInputException("this model's tokenizer begins two of the words with the same token, so answers cannot be told apart; use fewer depths");
    }

    private static string Statement(string name) => $"The secret word of {name} is";

    private static NeedleQuestion Ask(ITokenizer tokenizer, int depth, string name, string word)
    {
        int[] question = tokenizer.Encode($"\n{Statement(name)}");
        return new NeedleQuestion(depth, question, tokenizer.Encode($"\n{Statement(name)} {word}")[question.Length]);
    }

    /// <summary>The end of the sentence at a place, or the place itself where none ends near.</summary>
    private static int SentenceEnd(int[] text, ITokenizer tokenizer, int start, int at, int straw)
    {
        const int Near = 64;
        for (int end = at; end > 0 && end < Math.Min(straw, at + Near); end++)
        {
            if (tokenizer.Piece(text[start + end - 1]).TrimEnd('"', '”').EndsWith('.'))
            {
                return end;
            }
        }
        return at;
    }
}
