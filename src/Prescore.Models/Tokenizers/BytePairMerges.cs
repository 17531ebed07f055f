namespace Prescore.Models.Tokenizers;

/// <summary>
/// The merges of a byte-pair vocabulary (arXiv 1508.07909), by token ids: which pairs of neighbours become one token, and
/// which of two possible merges comes first.
/// </summary>
internal sealed class BytePairMerges
{
    private readonly Dictionary<(int Left, int Right), (int Rank, int Merged)> _merges;

    private BytePairMerges(Dictionary<(int, int), (int, int)> merges)
    {
        _merges = merges;
    }

    /// <summary>Resolves lines such as "Ġ t", the earliest merge first.</summary>
    /// <param name="lines">The two parts of each merge with a space between them.</param>
    /// <param name="ids">The vocabulary.</param>
    /// <returns>Null and the first line that does not fit the vocabulary, or the merges and null.</returns>
    public static (BytePairMerges? Merges, string? WrongLine) Parse(string[] lines, Dictionary<string, int> ids)
    {
        var merges = new BytePairMerges(new Dictionary<(int, int), (int, int)>(lines.Length));
        foreach (string line in lines)
        {
            int space = line.Length < 3 ? -1 : line.IndexOf(' ', 1);
            if (space < 0 || !merges.TryAdd(line.AsSpan(0, space), line.AsSpan(space + 1), ids))
            {
                return (null, line);
            }
        }
        return (merges, null);
    }

    /// <summary>Resolves merges given as their two parts, the earliest first.</summary>
    /// <returns>As <see cref="Parse(string[], Dictionary{string, int})"/>.</returns>
    public static (BytePairMerges? Merges, string? WrongPair) Parse(IReadOnlyList<(string Left, string Right)> pairs, Dictionary<string, int> ids)
    {
        var merges = new BytePairMerges(new Dictionary<(int, int), (int, int)>(pairs.Count));
        foreach ((string left, string right) in pairs)
        {
            if (!merges.TryAdd(left, right, ids))
            {
                return (null, $"{left} {right}");
            }
        }
        return (merges, null);
    }

    /// <summary>The merge of two neighbours, if there is one.</summary>
    public bool TryMerge(int left, int right, out int rank, out int merged)
    {
        bool found = _merges.TryGetValue((left, right), out (int Rank, int Merged) merge);
        (rank, merged) = merge;
        return found;
    }

    /// <summary>Adds the next merge; false where a part or the whole is not in the vocabulary. Of two equal ones the first counts.</summary>
    private bool TryAdd(ReadOnlySpan<char> left, ReadOnlySpan<char> right, Dictionary<string, int> ids)
    {
        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> find = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        if (!find.TryGetValue(left, out int leftId)
            || !find.TryGetValue(right, out int rightId)
            || !find.TryGetValue(string.Concat(left, right), out int merged))
        {
            return false;
        }
        _merges.TryAdd((leftId, rightId), (_merges.Count, merged));
        return true;
    }
}
