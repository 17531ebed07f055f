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
        var merges = new Dictionary<(int, int), (int, int)>(lines.Length);
        Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> find = ids.GetAlternateLookup<ReadOnlySpan<char>>();
        for (int rank = 0; rank < lines.Length; rank++)
        {
            string line = lines[rank];
            int space = line.Length < 3 ? -1 : line.IndexOf(' ', 1);
            if (space < 0
                || !find.TryGetValue(line.AsSpan(0, space), out int left)
                || !find.TryGetValue(line.AsSpan(space + 1), out int right)
                || !find.TryGetValue(line.Remove(space, 1), out int merged))
            {
                return (null, line);
            }
            merges.TryAdd((left, right), (rank, merged));
        }
        return (new BytePairMerges(merges), null);
    }

    /// <summary>The merge of two neighbours, if there is one.</summary>
    public bool TryMerge(int left, int right, out int rank, out int merged)
    {
        bool found = _merges.TryGetValue((left, right), out (int Rank, int Merged) merge);
        (rank, merged) = merge;
        return found;
    }
}
