using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Queries of one key/value head that attend together, and what a thread needs for that: rows of one query head are
/// neighbours. Kept between batches.
/// </summary>
internal sealed class QueryBatch(QueryBlock block) : IDisposable
{
    /// <summary>Routed clusters are larger than average by about this factor (design, section 4).</summary>
    private const double RoutedToAverageSize = 1.45;

    private readonly RoutingTable _table = new();
    private readonly List<(int Position, int Head)> _rows = [];
    private int[] _visible = [];

    public QueryBlock Block => block;

    /// <summary>Position and query head of each row.</summary>
    public IReadOnlyList<(int Position, int Head)> Rows => _rows;

    /// <summary>Near keys that each row sees.</summary>
    public ReadOnlySpan<int> Visible => _visible.AsSpan(0, block.Rows);

    /// <summary>Forgets all rows and their routes.</summary>
    /// <param name="clusters">Clusters of the index to come.</param>
    public void Clear(int clusters)
    {
        block.Clear();
        _rows.Clear();
        _table.Clear(clusters);
    }

    /// <summary>Adds a query that sees the first <paramref name="visible"/> near keys.</summary>
    public void Add(ReadOnlySpan<float> query, float scale, int position, int head, int visible)
    {
        int row = block.Add(query, scale);
        if (row >= _visible.Length)
        {
            Array.Resize(ref _visible, Math.Max(64, 2 * _visible.Length));
        }
        _visible[row] = visible;
        _rows.Add((position, head));
    }

    /// <summary>The p that costs least for the effort asked: where routing would cost more than exact, exact.</summary>
    public static int WithinExact(KeyIndex index, int effort)
    {
        double estimate = index.Clusters + (double)effort * index.Count / Math.Max(1, index.Clusters) * RoutedToAverageSize;
        return effort == EffortLadder.Exact || estimate >= index.Count ? EffortLadder.Exact : effort;
    }

    /// <summary>
    /// Rows [first, first + count) attend the far part but for routed members, which wait for <see cref="AttendMembers"/>.
    /// </summary>
    /// <param name="index">The far part.</param>
    /// <param name="first">First row.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="effort">p.</param>
    /// <param name="memberCaps">Most members of each row; empty: no cap.</param>
    /// <param name="firstCapped">First row that the cap kept from a cluster; −1 if none.</param>
    /// <returns>Logits computed, those of the waiting members included.</returns>
    public long AttendFar(KeyIndex index, int first, int count, int effort, ReadOnlySpan<int> memberCaps, out int firstCapped)
    {
        firstCapped = -1;
        if (index.Count == 0 || count == 0)
        {
            return 0;
        }
        int routed = WithinExact(index, effort);
        if (routed == EffortLadder.Exact && memberCaps.IsEmpty)
        {
            for (int cluster = 0; cluster < index.Clusters; cluster++)
            {
                block.Attend(index.Region(cluster), first, count, default);
            }
            return (long)count * index.Count;
        }
        long before = _table.MemberInteractions;
        firstCapped = block.Route(index.Centroids, first, count, routed, memberCaps, _table);
        return (long)count * index.Clusters + _table.MemberInteractions - before;
    }

    /// <summary>Routed rows attend the members of their clusters, a cluster at a time.</summary>
    public void AttendMembers(KeyIndex index)
    {
        if (index.Count == 0)
        {
            return;
        }
        _table.Sort();
        for (int cluster = 0; cluster < index.Clusters; cluster++)
        {
            block.AttendRows(index.Region(cluster), _table.RowsOf(cluster));
        }
    }

    public void Dispose() => block.Dispose();
}
