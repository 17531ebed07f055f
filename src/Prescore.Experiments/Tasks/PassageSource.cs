using Prescore.Models.Tokenizers;
using Prescore.Numerics;

namespace Prescore.Experiments.Tasks;

/// <summary>What passages are made of: a text, and draws that depend on seed, length and the passage's number alone.</summary>
/// <param name="text">Tokens of the whole text.</param>
/// <param name="tokenizer">Its tokenizer.</param>
/// <param name="length">Tokens of a passage with one question and its answer.</param>
/// <param name="number">Number of the passage.</param>
/// <param name="seed">Seed.</param>
internal sealed class PassageSource(int[] text, ITokenizer tokenizer, int length, int number, ulong seed)
{
    /// <summary>Tokens kept free at the end for a question and its answer.</summary>
    private const int QuestionRoom = 32;

    /// <summary>Tokens of the text without a question's.</summary>
    public int Room => length - QuestionRoom;

    /// <summary>A uniform number of this passage.</summary>
    /// <param name="purpose">What it is for.</param>
    /// <param name="index">Which one.</param>
    public double Draw(int purpose, int index) => CounterRandom.Uniform(CounterRandom.Hash(seed, length, number, index, RandomStream.Needle + purpose));

    /// <summary>Some of a list, in a random order.</summary>
    public string[] Pick(IReadOnlyList<string> all, int count, int purpose) =>
        [.. Enumerable.Range(0, all.Count).OrderBy(i => Draw(purpose, i)).Take(count).Select(i => all[i])];

    /// <summary>A part of the text of a given length.</summary>
    /// <exception cref="BadInputException">The text is too short.</exception>
    public int[] Straw(int tokens, int purpose)
    {
        if (tokens > text.Length)
        {
            throw new BadInputException($"the text has {text.Length} tokens, too few for a passage of {length}; use a longer text");
        }
        return text[(int)(Draw(purpose, 0) * (text.Length - tokens + 1))..][..tokens];
    }

    /// <summary>A part of the text with statements hidden in it, evenly spaced from its beginning to its end, each behind a sentence.</summary>
    /// <exception cref="BadInputException">The text is too short, or the passage is.</exception>
    public int[] Hide(IReadOnlyList<string> statements)
    {
        int[][] hidden = [.. statements.Select(statement => tokenizer.Encode(statement))];
        int room = Room - hidden.Sum(tokens => tokens.Length);
        if (room < 4 * statements.Count)
        {
            throw new BadInputException($"a passage of {length} tokens is too short for {statements.Count} statements; use fewer depths or longer passages");
        }
        int[] straw = Straw(room, purpose: 2);
        var tokens = new List<int>(length);
        int from = 0;
        for (int i = 0; i < hidden.Length; i++)
        {
            int at = hidden.Length == 1 ? room / 2 : (int)((long)room * i / (hidden.Length - 1));
            at = Math.Max(from, SentenceEnd(straw, at));
            tokens.AddRange(straw.AsSpan(from, at - from));
            tokens.AddRange(hidden[i]);
            from = at;
        }
        tokens.AddRange(straw.AsSpan(from));
        return [.. tokens];
    }

    /// <summary>A question that the passage is continued with, whose answer is one of some words.</summary>
    /// <param name="depth">Which fact it asks for.</param>
    /// <param name="question">Its words, up to the answer.</param>
    /// <param name="answer">The right word.</param>
    /// <param name="words">All words that can be chosen.</param>
    /// <exception cref="BadInputException">Two of them begin with the same token.</exception>
    public TaskQuestion Ask(int depth, string question, string answer, IReadOnlyList<string> words)
    {
        int[] tokens = tokenizer.Encode("\n" + question);
        int First(string word) => tokenizer.Encode($"\n{question} {word}")[tokens.Length];
        int[] choices = [.. words.Select(First)];
        return choices.Distinct().Count() == choices.Length
            ? new TaskQuestion(depth, tokens, First(answer), choices)
            : throw new BadInputException("this model's tokenizer begins two of the words with the same token, so answers cannot be told apart");
    }

    /// <summary>The end of the sentence at a place, or the place itself where none ends near.</summary>
    private int SentenceEnd(int[] straw, int at)
    {
        const int Near = 64;
        for (int end = at; end > 0 && end < Math.Min(straw.Length, at + Near); end++)
        {
            if (tokenizer.Piece(straw[end - 1]).TrimEnd('"', '”').EndsWith('.'))
            {
                return end;
            }
        }
        return at;
    }
}
