namespace Prescore.Kernels;

/// <summary>
/// Queries of one key/value head with their online-softmax state (running maximum, sum and output, as in Milakov and
/// Gimelshein, arXiv 1805.02867). Sets of keys are attended one after the other; every method is built from that.
/// A row's bits depend on the sets it attends and their order, not on the rows beside it. Not safe for concurrent use.
/// </summary>
internal abstract unsafe partial class QueryBlock : IDisposable
{
    /// <summary>Rows of one register tile; row counts are padded to a multiple of it.</summary>
    protected const int TileRows = 6;

    /// <summary>
    /// Rows whose logits are held at a time: with one key panel they stay in a 32 KiB first-level cache, while the
    /// key block stays in the second level until all strips have passed.
    /// </summary>
    protected const int StripRows = 24;

    /// <summary>Number of queries added.</summary>
    public int Rows { get; protected set; }

    /// <summary>Creates a block for a SIMD path; rent and dispose instead of keeping many.</summary>
    /// <param name="path">SIMD path; must be that of the tiles attended.</param>
    /// <param name="capacity">Largest number of queries.</param>
    /// <param name="dimension">Size d of queries and keys.</param>
    /// <param name="valueDimension">Size of values.</param>
    public static QueryBlock Create(SimdPath path, int capacity, int dimension, int valueDimension) => path switch
    {
        SimdPath.Vector512 => new QueryBlock<Kernel512>(capacity, dimension, valueDimension),
        SimdPath.Vector256 => new QueryBlock<Kernel256>(capacity, dimension, valueDimension),
        _ => new QueryBlock<KernelScalar>(capacity, dimension, valueDimension),
    };

    /// <summary>Forgets all queries.</summary>
    public void Clear() => Rows = 0;

    /// <summary>Adds a query, multiplied by <paramref name="scale"/>, with empty state; returns its row.</summary>
    public abstract int Add(ReadOnlySpan<float> query, float scale);

    /// <summary>Rows [first, first + count) attend all keys of the tiles.</summary>
    public void Attend(KeyValueTiles tiles, int first, int count) => Attend(tiles, 0, tiles.Blocks, first, count, default);

    /// <summary>
    /// Rows [first, first + count) attend key blocks [firstBlock, endBlock). Row first + i sees the first
    /// <paramref name="visible"/>[i] keys of the tiles (all where it is empty).
    /// </summary>
    public abstract void Attend(KeyValueTiles tiles, int firstBlock, int endBlock, int first, int count, ReadOnlySpan<int> visible);

    /// <summary>Listed rows attend all keys of the tiles.</summary>
    public abstract void AttendRows(KeyValueTiles tiles, ReadOnlySpan<int> rows);

    /// <summary>Writes a row's normalised output and returns its log-sum-exp; a row that saw no key gives 0 and −∞.</summary>
    public abstract float Finish(int row, Span<float> output);

    public abstract void Dispose();
}

/// <summary>The block for one SIMD path.</summary>
internal sealed unsafe partial class QueryBlock<TKernel> : QueryBlock
    where TKernel : IKernelPath
{
    private const int BlockKeys = KeyValueTiles.BlockKeys;

    private readonly int _capacity;
    private readonly int _dimension;
    private readonly int _valueDimension;
    private readonly int _valuePanels;
    private readonly nint _outputStride;
    private readonly NativeBuffer _memory;
    private readonly float* _queries;
    private readonly float* _outputs;
    private readonly float* _maxima;
    private readonly float* _sums;
    private readonly float* _logits;
    private readonly float* _gatheredQueries;
    private readonly float* _gatheredOutputs;

    public QueryBlock(int capacity, int dimension, int valueDimension)
    {
        _capacity = capacity;
        _dimension = dimension;
        _valueDimension = valueDimension;
        _valuePanels = (valueDimension + TKernel.PanelWidth - 1) / TKernel.PanelWidth;
        _outputStride = (nint)_valuePanels * TKernel.PanelWidth;
        nint rows = capacity + TileRows;
        nint strip = StripRows + TileRows;
        nint queries = Aligned(rows * dimension);
        nint outputs = rows * _outputStride;
        nint state = Aligned(rows);
        nint logits = strip * BlockKeys;
        nint gathered = Aligned(strip * dimension);
        _memory = NativeBuffer.Rent(queries + outputs + 2 * state + logits + gathered + strip * _outputStride);
        _memory.Clear();
        _queries = _memory.Pointer;
        _outputs = _queries + queries;
        _maxima = _outputs + outputs;
        _sums = _maxima + state;
        _logits = _sums + state;
        _gatheredQueries = _logits + logits;
        _gatheredOutputs = _gatheredQueries + gathered;
    }

    public override int Add(ReadOnlySpan<float> query, float scale)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(Rows, _capacity);
        int row = Rows++;
        System.Numerics.Tensors.TensorPrimitives.Multiply(query, scale, new Span<float>(_queries + row * (nint)_dimension, _dimension));
        new Span<float>(_outputs + row * _outputStride, (int)_outputStride).Clear();
        _maxima[row] = float.NegativeInfinity;
        _sums[row] = 0;
        return row;
    }

    public override void Attend(KeyValueTiles tiles, int firstBlock, int endBlock, int first, int count, ReadOnlySpan<int> visible)
    {
        var packed = (KeyValueTiles<TKernel>)tiles;
        Span<int> limits = stackalloc int[StripRows];
        for (int block = firstBlock; block < endBlock; block++)
        {
            int keys = Math.Min(BlockKeys, tiles.Count - block * BlockKeys);
            for (int start = 0; start < count; start += StripRows)
            {
                int rows = Math.Min(StripRows, count - start);
                for (int i = 0; i < rows; i++)
                {
                    limits[i] = visible.IsEmpty ? keys : Math.Clamp(visible[start + i] - block * BlockKeys, 0, keys);
                }
                int row = first + start;
                AttendStrip(
                    packed, block, _queries + row * (nint)_dimension, _outputs + row * _outputStride, _maxima + row, _sums + row, limits[..rows]);
            }
        }
    }

    public override void AttendRows(KeyValueTiles tiles, ReadOnlySpan<int> rows)
    {
        var packed = (KeyValueTiles<TKernel>)tiles;
        float* maxima = stackalloc float[StripRows];
        float* sums = stackalloc float[StripRows];
        Span<int> limits = stackalloc int[StripRows];
        for (int start = 0; start < rows.Length; start += StripRows)
        {
            ReadOnlySpan<int> strip = rows.Slice(start, Math.Min(StripRows, rows.Length - start));
            Gather(strip, maxima, sums);
            for (int block = 0; block < tiles.Blocks; block++)
            {
                limits[..strip.Length].Fill(Math.Min(BlockKeys, tiles.Count - block * BlockKeys));
                AttendStrip(packed, block, _gatheredQueries, _gatheredOutputs, maxima, sums, limits[..strip.Length]);
            }
            Scatter(strip, maxima, sums);
        }
    }

    public override float Finish(int row, Span<float> output)
    {
        float sum = _sums[row];
        if (sum == 0)
        {
            output.Clear();
            return float.NegativeInfinity;
        }
        System.Numerics.Tensors.TensorPrimitives.Multiply(
            new ReadOnlySpan<float>(_outputs + row * _outputStride, _valueDimension), 1 / sum, output);
        return _maxima[row] + MathF.Log(sum);
    }

    public override void Dispose() => _memory.Dispose();

    private static nint Aligned(nint length) => (length + 15) & ~15;

    private void Gather(ReadOnlySpan<int> rows, float* maxima, float* sums)
    {
        for (int i = 0; i < rows.Length; i++)
        {
            nint row = rows[i];
            new ReadOnlySpan<float>(_queries + row * _dimension, _dimension).CopyTo(new Span<float>(_gatheredQueries + i * (nint)_dimension, _dimension));
            new ReadOnlySpan<float>(_outputs + row * _outputStride, (int)_outputStride).CopyTo(new Span<float>(_gatheredOutputs + i * _outputStride, (int)_outputStride));
            maxima[i] = _maxima[row];
            sums[i] = _sums[row];
        }
    }

    private void Scatter(ReadOnlySpan<int> rows, float* maxima, float* sums)
    {
        for (int i = 0; i < rows.Length; i++)
        {
            nint row = rows[i];
            new ReadOnlySpan<float>(_gatheredOutputs + i * _outputStride, (int)_outputStride).CopyTo(new Span<float>(_outputs + row * _outputStride, (int)_outputStride));
            _maxima[row] = maxima[i];
            _sums[row] = sums[i];
        }
    }

    /// <summary>Up to StripRows rows against one block of keys; row i sees its first limits[i] keys.</summary>
    private void AttendStrip(
        KeyValueTiles<TKernel> tiles, int block, float* queries, float* outputs, float* maxima, float* sums, ReadOnlySpan<int> limits)
    {
        int width = TKernel.PanelWidth;
        int tiles6 = (limits.Length + TileRows - 1) / TileRows;
        Span<int> reach = stackalloc int[StripRows / TileRows];
        int furthest = Reach(limits, reach);
        for (int panel = 0; panel * width < furthest; panel++)
        {
            float* keys = tiles.KeyPanel(block, panel);
            for (int tile = 0; tile < tiles6; tile++)
            {
                if (panel * width < reach[tile])
                {
                    TKernel.Multiply(
                        queries + tile * TileRows * (nint)_dimension, _dimension, keys, _dimension,
                        _logits + tile * TileRows * BlockKeys + panel * width, BlockKeys, accumulate: false);
                }
            }
        }
        SoftmaxRows(tiles, block, outputs, maxima, sums, limits, reach);
        for (int panel = 0; panel < _valuePanels; panel++)
        {
            float* values = tiles.ValuePanel(block, panel);
            for (int tile = 0; tile < tiles6; tile++)
            {
                if (reach[tile] > 0)
                {
                    TKernel.Multiply(
                        _logits + tile * TileRows * BlockKeys, BlockKeys, values, reach[tile],
                        outputs + tile * TileRows * _outputStride + panel * width, _outputStride, accumulate: true);
                }
            }
        }
    }

    /// <summary>The largest limit of each register tile, and of all.</summary>
    private static int Reach(ReadOnlySpan<int> limits, Span<int> reach)
    {
        int furthest = 0;
        for (int start = 0, tile = 0; start < limits.Length; start += TileRows, tile++)
        {
            int most = 0;
            foreach (int limit in limits.Slice(start, Math.Min(TileRows, limits.Length - start)))
            {
                most = Math.Max(most, limit);
            }
            reach[tile] = most;
            furthest = Math.Max(furthest, most);
        }
        return furthest;
    }

    /// <summary>Turns logits into weights relative to the new running maximum; weights that no query may see become 0.</summary>
    private void SoftmaxRows(
        KeyValueTiles<TKernel> tiles, int block, float* outputs, float* maxima, float* sums, ReadOnlySpan<int> limits, ReadOnlySpan<int> reach)
    {
        int padded = (limits.Length + TileRows - 1) / TileRows * TileRows;
        for (int i = 0; i < padded; i++)
        {
            float* row = _logits + i * BlockKeys;
            int limit = i < limits.Length ? limits[i] : 0;
            if (limit > 0)
            {
                SoftmaxRow(row, limit, tiles.HasBias ? tiles.Bias(block) : null, outputs + i * _outputStride, maxima + i, sums + i);
            }
            new Span<float>(row + limit, Math.Max(0, reach[i / TileRows] - limit)).Clear();
        }
    }

    private void SoftmaxRow(float* row, int limit, float* bias, float* output, float* maximum, float* sum)
    {
        nint padded = (limit + TKernel.Lanes - 1) / TKernel.Lanes * TKernel.Lanes;
        if (bias != null)
        {
            TKernel.Add(row, bias, padded);
        }
        for (nint j = limit; j < padded; j++)
        {
            row[j] = float.NegativeInfinity;
        }
        float largest = TKernel.Max(row, padded);
        if (largest > *maximum)
        {
            if (*sum > 0)
            {
                float shrink = MathF.Exp(*maximum - largest);
                *sum *= shrink;
                TKernel.Scale(output, shrink, _outputStride);
            }
            *maximum = largest;
        }
        // A masked element adds at most 1.3e-38 to a sum of at least 1: it rounds away.
        *sum += TKernel.ExpSum(row, *maximum, padded);
    }
}
