namespace Prescore.Kernels;

/// <summary>Which rows of a query block are routed to which cluster: filled by row, read by cluster.</summary>
internal sealed class RoutingTable
{
    private int[] _clusters = [];
    private int[] _rows = [];
    private int[] _sortedRows = [];
    private int[] _starts = [];
    private int _entries;
    private int _clusterCount;

    /// <summary>Logits of members that the routed rows compute.</summary>
    public long MemberInteractions { get; private set; }

    /// <summary>Empties the table for <paramref name="clusters"/> clusters.</summary>
    public void Clear(int clusters)
    {
        _entries = 0;
        _clusterCount = clusters;
        MemberInteractions = 0;
        if (_starts.Length < clusters + 1)
        {
            _starts = new int[clusters + clusters / 2 + 1];
        }
        _starts.AsSpan(0, clusters + 1).Clear();
    }

    /// <summary>Routes a row to a cluster. Rows come in ascending order.</summary>
    public void Add(int row, int cluster, int members)
    {
        if (_entries == _rows.Length)
        {
            Array.Resize(ref _rows, Math.Max(4096, 2 * _entries));
            Array.Resize(ref _clusters, _rows.Length);
            Array.Resize(ref _sortedRows, _rows.Length);
        }
        _rows[_entries] = row;
        _clusters[_entries++] = cluster;
        _starts[cluster + 1]++;
        MemberInteractions += members;
    }

    /// <summary>Sorts the entries by cluster; call once before <see cref="RowsOf"/>.</summary>
    public void Sort()
    {
        for (int cluster = 0; cluster < _clusterCount; cluster++)
        {
            _starts[cluster + 1] += _starts[cluster];
        }
        for (int entry = _entries - 1; entry >= 0; entry--)
        {
            // Filled from the end of each cluster's range, so that afterwards _starts[c + 1] is the start of cluster c.
            _sortedRows[--_starts[_clusters[entry] + 1]] = _rows[entry];
        }
    }

    /// <summary>Rows routed to a cluster, ascending.</summary>
    public ReadOnlySpan<int> RowsOf(int cluster)
    {
        int start = _starts[cluster + 1];
        int end = cluster + 1 < _clusterCount ? _starts[cluster + 2] : _entries;
        return _sortedRows.AsSpan(start, end - start);
    }
}
