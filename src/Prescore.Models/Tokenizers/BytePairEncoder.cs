using System.Text;

namespace Prescore.Models.Tokenizers;

/// <summary>
/// Encodes pieces of text: starts from one token a byte and merges neighbours, always the pair of the lowest rank, the
/// leftmost one of equals. O(n log n) in the length of a piece. Keeps its buffers and a cache of short pieces, so an
/// instance belongs to one thread.
/// </summary>
/// <param name="merges">The merges.</param>
/// <param name="tokenOfByte">The token of each byte, or −1: such a byte is dropped, as by the reference library.</param>
/// <param name="wholePieces">Tokens by their text in the byte alphabet: a piece that is one is not merged (<c>ignore_merges</c>); null: all are.</param>
internal sealed class BytePairEncoder(BytePairMerges merges, int[] tokenOfByte, IReadOnlyDictionary<string, int>? wholePieces = null)
{
    // Natural text repeats its words: nearly all pieces of a book are found here.
    private const int LongestCached = 24;
    private const int CacheCapacity = 1 << 16;

    private readonly Dictionary<string, int[]> _cache = [];

    // Candidate merges, ordered by rank and then by place.
    private readonly PriorityQueue<Candidate, (int Rank, int Place)> _candidates = new();

    private byte[] _bytes = new byte[64];
    private Symbol[] _symbols = new Symbol[64];

    /// <summary>Appends the tokens of a piece.</summary>
    public void Append(ReadOnlySpan<char> piece, List<int> ids)
    {
        if (piece.Length > LongestCached)
        {
            ids.AddRange(Encode(piece));
            return;
        }
        var cache = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
        if (!cache.TryGetValue(piece, out int[]? tokens))
        {
            tokens = Encode(piece).ToArray();
            if (_cache.Count < CacheCapacity)
            {
                cache[piece] = tokens;
            }
        }
        ids.AddRange(tokens);
    }

    private List<int> Encode(ReadOnlySpan<char> piece)
    {
        if (wholePieces is not null && wholePieces.TryGetValue(ByteAlphabet.Write(piece), out int whole))
        {
            return [whole];
        }
        int count = StartFromBytes(piece);
        for (int place = 0; place + 1 < count; place++)
        {
            AddCandidate(place, place + 1);
        }
        while (_candidates.TryDequeue(out Candidate candidate, out _))
        {
            ref Symbol left = ref _symbols[candidate.Place];
            // Outdated where either side has been merged since.
            if (left.Id == candidate.Left && left.Next < count && _symbols[left.Next].Id == candidate.Right)
            {
                Merge(candidate, count);
            }
        }
        var ids = new List<int>();
        for (int place = 0; place < count; place = _symbols[place].Next)
        {
            ids.Add(_symbols[place].Id);
        }
        return ids;
    }

    private int StartFromBytes(ReadOnlySpan<char> piece)
    {
        int length = Encoding.UTF8.GetByteCount(piece);
        if (_bytes.Length < length)
        {
            _bytes = new byte[length];
            _symbols = new Symbol[length];
        }
        Encoding.UTF8.GetBytes(piece, _bytes);
        int count = 0;
        foreach (byte value in _bytes.AsSpan(0, length))
        {
            if (tokenOfByte[value] >= 0)
            {
                _symbols[count] = new Symbol(tokenOfByte[value], count - 1, count + 1);
                count++;
            }
        }
        return count;
    }

    private void Merge(Candidate candidate, int count)
    {
        ref Symbol left = ref _symbols[candidate.Place];
        ref Symbol right = ref _symbols[left.Next];
        left = left with { Id = candidate.Merged, Next = right.Next };
        right = right with { Id = -1 };
        if (left.Next < count)
        {
            _symbols[left.Next].Previous = candidate.Place;
            AddCandidate(candidate.Place, left.Next);
        }
        if (left.Previous >= 0)
        {
            AddCandidate(left.Previous, candidate.Place);
        }
    }

    private void AddCandidate(int left, int right)
    {
        (int leftId, int rightId) = (_symbols[left].Id, _symbols[right].Id);
        if (merges.TryMerge(leftId, rightId, out int rank, out int merged))
        {
            _candidates.Enqueue(new Candidate(left, leftId, rightId, merged), (rank, left));
        }
    }

    /// <summary>A token of the piece, linked to its neighbours by place; −1 once it is merged into the one before it.</summary>
    private record struct Symbol(int Id, int Previous, int Next);

    /// <summary>Two neighbours, the left one at a place, that may become one token.</summary>
    private readonly record struct Candidate(int Place, int Left, int Right, int Merged);
}
