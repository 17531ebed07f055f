using System.Text;

namespace Prescore.Models.Tokenizers;

/// <summary>
/// Merges the characters of a text: always the two neighbours that make the piece of the highest score, the leftmost of
/// equals. Keeps its buffers and a cache of short texts, so an instance belongs to one thread.
/// </summary>
/// <param name="vocabulary">The pieces.</param>
/// <param name="tokenOfByte">The token of each byte, or −1.</param>
internal sealed class SentencePieceEncoder(SentencePieceVocabulary vocabulary, int[] tokenOfByte)
{
    private const int LongestCached = 24;
    private const int CacheCapacity = 1 << 16;

    private readonly Dictionary<string, int[]> _cache = [];
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _ids = vocabulary.Ids.GetAlternateLookup<ReadOnlySpan<char>>();

    // Candidate merges, the highest score first and then by place.
    private readonly PriorityQueue<Candidate, (float MinusScore, int Place)> _candidates = new();

    private Symbol[] _symbols = new Symbol[64];

    /// <summary>Appends the tokens of an escaped text.</summary>
    public void Append(ReadOnlySpan<char> text, List<int> ids)
    {
        if (text.Length > LongestCached)
        {
            Encode(text, ids);
            return;
        }
        var cache = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
        if (!cache.TryGetValue(text, out int[]? tokens))
        {
            var fresh = new List<int>();
            Encode(text, fresh);
            tokens = [.. fresh];
            if (_cache.Count < CacheCapacity)
            {
                cache[text] = tokens;
            }
        }
        ids.AddRange(tokens);
    }

    private void Encode(ReadOnlySpan<char> text, List<int> ids)
    {
        int count = StartFromCharacters(text);
        for (int place = 0; place + 1 < count; place++)
        {
            AddCandidate(text, place, place + 1);
        }
        while (_candidates.TryDequeue(out Candidate candidate, out _))
        {
            ref Symbol left = ref _symbols[candidate.Place];
            // Outdated where either side has been merged since.
            if (left.Length > 0 && left.Next < count && left.Length + _symbols[left.Next].Length == candidate.Length && left.Next == candidate.Next)
            {
                Merge(text, candidate.Place, count);
            }
        }
        for (int place = 0; place < count; place = _symbols[place].Next)
        {
            AppendToken(text.Slice(_symbols[place].Start, _symbols[place].Length), ids);
        }
    }

    private int StartFromCharacters(ReadOnlySpan<char> text)
    {
        if (_symbols.Length < text.Length)
        {
            _symbols = new Symbol[text.Length];
        }
        int count = 0;
        for (int at = 0; at < text.Length;)
        {
            int length = char.IsHighSurrogate(text[at]) ? 2 : 1;
            _symbols[count] = new Symbol(at, length, count - 1, count + 1);
            count++;
            at += length;
        }
        return count;
    }

    private void Merge(ReadOnlySpan<char> text, int place, int count)
    {
        ref Symbol left = ref _symbols[place];
        ref Symbol right = ref _symbols[left.Next];
        left.Length += right.Length;
        left.Next = right.Next;
        right.Length = 0;
        if (left.Next < count)
        {
            _symbols[left.Next].Previous = place;
            AddCandidate(text, place, left.Next);
        }
        if (left.Previous >= 0)
        {
            AddCandidate(text, left.Previous, place);
        }
    }

    private void AddCandidate(ReadOnlySpan<char> text, int place, int next)
    {
        int length = _symbols[place].Length + _symbols[next].Length;
        if (_ids.TryGetValue(text.Slice(_symbols[place].Start, length), out int id))
        {
            _candidates.Enqueue(new Candidate(place, next, length), (-vocabulary.Scores[id], place));
        }
    }

    private void AppendToken(ReadOnlySpan<char> symbol, List<int> ids)
    {
        if (_ids.TryGetValue(symbol, out int id))
        {
            ids.Add(id);
            return;
        }
        Span<byte> bytes = stackalloc byte[4];
        bytes = bytes[..Encoding.UTF8.GetBytes(symbol, bytes)];
        foreach (byte value in bytes)
        {
            if (tokenOfByte[value] < 0)
            {
                // Without bytes neighbours that are unknown share one token.
                if (ids.Count == 0 || ids[^1] != vocabulary.Unknown)
                {
                    ids.Add(vocabulary.Unknown);
                }
                return;
            }
            ids.Add(tokenOfByte[value]);
        }
    }

    /// <summary>A part of the text, linked to its neighbours by place; empty once it is merged into the one before it.</summary>
    private record struct Symbol(int Start, int Length, int Previous, int Next);

    /// <summary>Two neighbours that may become one piece of a length.</summary>
    private readonly record struct Candidate(int Place, int Next, int Length);
}
