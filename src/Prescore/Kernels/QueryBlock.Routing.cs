namespace Prescore.Kernels;

/// <summary>Routing: clusters that a row does not visit stay in its softmax as one term each.</summary>
internal abstract unsafe partial class QueryBlock
{
    /// <summary>
    /// For every row of [first, first + count): computes the logits of all centroids, routes the row to its
    /// <paramref name="routed"/> best ones (ties to the lower index; the row is added to <paramref name="table"/>), and
    /// attends the other clusters as one term each. Returns the first row that the cap kept from a cluster, −1 if none.
    /// </summary>
    /// <param name="centroids">The clusters.</param>
    /// <param name="first">First row.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="routed">Clusters to visit; all clusters or more means exact.</param>
    /// <param name="memberCap">Most members a row may visit in all, one number a row, the best clusters first; empty: no cap.</param>
    /// <param name="table">Receives the routed rows.</param>
    public abstract int Route(
        CentroidSet centroids, int first, int count, int routed, ReadOnlySpan<int> memberCap, RoutingTable table);

    /// <summary>Logits scale·q·μ of all rows and all centroids, dense [rows, centroids].</summary>
    public abstract void CentroidLogits(CentroidSet centroids, Span<float> logits);
}

internal sealed unsafe partial class QueryBlock<TKernel>
{
    private NativeBuffer? _centroidLogits;
    private int[] _selected = [];
    private float _selectionDepth;

    public override int Route(
        CentroidSet centroids, int first, int count, int routed, ReadOnlySpan<int> memberCap, RoutingTable table)
    {
        int firstCapped = -1;
        _selectionDepth = 0;
        var means = (KeyRegion<TKernel>)centroids.Means;
        nint stride = CentroidStride(centroids);
        float* logits = CentroidBuffer(stride);
        if (_selected.Length < centroids.Count)
        {
            _selected = new int[centroids.Count];
        }
        means.Chunk(0, null, out float* keys, out float* values, out nint valueStride);
        for (int start = 0; start < count; start += StripRows)
        {
            int rows = Math.Min(StripRows, count - start);
            int tiles = (rows + TileRows - 1) / TileRows;
            StripLogits(keys, first + start, tiles, logits, stride);
            for (int i = 0; i < tiles * TileRows; i++)
            {
                float* row = logits + i * stride;
                if (i < rows)
                {
                    int cap = memberCap.IsEmpty ? int.MaxValue : memberCap[start + i];
                    if (RouteRow(centroids, row, first + start + i, routed, cap, table) && firstCapped < 0)
                    {
                        firstCapped = first + start + i;
                    }
                }
                else
                {
                    new Span<float>(row, (int)stride).Clear();
                }
            }
            float* outputs = _outputs + (first + start) * _outputStride;
            for (int panel = 0; panel < _valuePanels; panel++)
            {
                for (int tile = 0; tile < tiles; tile++)
                {
                    TKernel.Multiply(
                        logits + tile * TileRows * stride, stride, values + panel * valueStride, centroids.Count,
                        outputs + tile * TileRows * _outputStride + panel * TKernel.PanelWidth, _outputStride, accumulate: true);
                }
            }
        }
        return firstCapped;
    }

    public override void CentroidLogits(CentroidSet centroids, Span<float> logits)
    {
        nint stride = CentroidStride(centroids);
        float* buffer = CentroidBuffer(stride);
        ((KeyRegion<TKernel>)centroids.Means).Chunk(0, null, out float* keys, out _, out _);
        for (int start = 0; start < Rows; start += StripRows)
        {
            int rows = Math.Min(StripRows, Rows - start);
            StripLogits(keys, start, (rows + TileRows - 1) / TileRows, buffer, stride);
            for (int i = 0; i < rows; i++)
            {
                new ReadOnlySpan<float>(buffer + i * stride, centroids.Count).CopyTo(logits[((start + i) * centroids.Count)..]);
            }
        }
    }

    private static nint CentroidStride(CentroidSet centroids) =>
        (centroids.Count + TKernel.PanelWidth - 1) / TKernel.PanelWidth * TKernel.PanelWidth;

    /// <summary>Room for the centroid logits of one strip of rows.</summary>
    private float* CentroidBuffer(nint stride)
    {
        nint needed = (StripRows + TileRows) * stride;
        if (_centroidLogits is null || _centroidLogits.Length < needed)
        {
            _centroidLogits?.Dispose();
            _centroidLogits = NativeBuffer.Rent(needed);
        }
        return _centroidLogits.Pointer;
    }

    /// <summary>Register tiles of rows from <paramref name="first"/> on against all centroids.</summary>
    private void StripLogits(float* keys, int first, int tiles, float* logits, nint stride)
    {
        float* queries = _queries + first * _queryStride;
        for (nint column = 0; column < stride; column += TKernel.PanelWidth)
        {
            for (int tile = 0; tile < tiles; tile++)
            {
                TKernel.Multiply(
                    queries + tile * TileRows * _queryStride, _queryStride, keys + column * _dimension, _dimension,
                    logits + tile * TileRows * stride + column, stride, accumulate: false);
            }
        }
    }

    /// <summary>Turns a row of centroid logits into the weights of the clusters that it does not visit; says whether the cap held.</summary>
    private bool RouteRow(CentroidSet centroids, float* logits, int row, int routed, int memberCap, RoutingTable table)
    {
        int clusters = centroids.Count;
        int selected;
        fixed (int* indices = _selected)
        {
            selected = TopIndices.Select<TKernel>(logits, clusters, routed, indices, ref _selectionDepth);
        }
        int wanted = selected;
        selected = KeepWithinCap(centroids, logits, selected, memberCap);
        for (int i = 0; i < selected; i++)
        {
            int cluster = _selected[i];
            table.Add(row, cluster, centroids.Members[cluster]);
            logits[cluster] = float.NegativeInfinity;
        }
        if (selected == clusters)
        {
            new Span<float>(logits, clusters).Clear();
            return false;
        }
        SoftmaxRow(logits, clusters, centroids.LogWeights, _outputs + row * _outputStride, _maxima + row, _sums + row);
        for (int i = 0; i < selected; i++)
        {
            // The exponential clamps its argument, so the weight of a visited cluster is tiny but not 0 yet.
            logits[_selected[i]] = 0;
        }
        return selected < wanted;
    }

    /// <summary>Keeps the best selected clusters whose members fit under the cap.</summary>
    private int KeepWithinCap(CentroidSet centroids, float* logits, int selected, int memberCap)
    {
        Span<int> indices = _selected.AsSpan(0, selected);
        long members = 0;
        foreach (int cluster in indices)
        {
            members += centroids.Members[cluster];
        }
        if (members <= memberCap)
        {
            return selected;
        }
        Span<float> keys = stackalloc float[Math.Min(selected, 1024)];
        if (selected > keys.Length)
        {
            keys = new float[selected];
        }
        for (int i = 0; i < selected; i++)
        {
            keys[i] = -logits[indices[i]];
        }
        keys[..selected].Sort(indices);
        int kept = 0;
        for (members = 0; kept < selected; kept++)
        {
            members += centroids.Members[indices[kept]];
            if (members > memberCap)
            {
                break;
            }
        }
        return kept;
    }
}
