using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Attention.Core;

/// <summary>
/// Queries of one key/value head with their online-softmax state (running maximum, sum and output, as in Milakov and
/// Gimelshein, arXiv 1805.02867). Sets of keys are attended one after the other; every method is built from that.
/// A row's bits depend on the sets it attends and their order, not on the rows beside it. Not safe for concurrent use.
/// </summary>
internal abstract unsafe partial class QueryBlock : IDisposable
{
    /// <summary>Log-weight that removes a key where it cannot be left out: finite, so that differences of logits stay numbers.</summary>
    public const float RemovedKey = -1e30f;

    /// <summary>Rows of one register tile; row counts are padded to a multiple of it.</summary>
    protected const int TileRows = 6;

    /// <summary>
    /// Rows whose logits are held at a time: with one key panel they stay in a 32 KiB first-level cache, while the
    /// key block stays in the second level until all strips have passed.
    /// </summary>
    public const int StripRows = 24;

    /// <summary>Number of queries added.</summary>
    public int Rows { get; protected set; }

    /// <summary>Size of values.</summary>
    public abstract int ValueDimension { get; }

    /// <summary>Size of values, padded to whole panels.</summary>
    public abstract int ValueFloats { get; }

    /// <summary>Creates a block for a SIMD path; rent and dispose instead of keeping many.</summary>
    /// <param name="path">SIMD path; must be that of the tiles attended.</param>
    /// <param name="capacity">Largest number of queries.</param>
    /// <param name="dimension">Size d of queries and keys.</param>
    /// <param name="valueDimension">Size of values.</param>
    /// <param name="checkLogits">Whether logits and outputs may overflow: a row in which one does finishes as NaN.</param>
    public static QueryBlock Create(SimdPath path, int capacity, int dimension, int valueDimension, bool checkLogits = false) => path switch
    {
        SimdPath.Vector512 => new QueryBlock<Kernel512>(capacity, dimension, valueDimension) { CheckLogits = checkLogits },
        SimdPath.Vector256 => new QueryBlock<Kernel256>(capacity, dimension, valueDimension) { CheckLogits = checkLogits },
        _ => new QueryBlock<KernelScalar>(capacity, dimension, valueDimension) { CheckLogits = checkLogits },
    };

    /// <summary>Whether logits and outputs may overflow.</summary>
    protected bool CheckLogits { get; private init; }

    /// <summary>Forgets all queries.</summary>
    public void Clear() => Rows = 0;

    /// <summary>Adds a query, multiplied by <paramref name="scale"/>, with empty state; returns its row.</summary>
    public abstract int Add(ReadOnlySpan<float> query, float scale);

    /// <summary>Where the rows lie; good until the block is disposed of.</summary>
    public abstract RowStates States { get; }

    /// <summary>Rows [first, first + count) attend all keys of the tiles.</summary>
    public void Attend(KeyValueTiles tiles, int first, int count) => Attend(tiles, 0, tiles.Blocks, first, count, default);

    /// <summary>
    /// Rows [first, first + count) attend key blocks [firstBlock, endBlock). Row first + i sees the first
    /// <paramref name="visible"/>[i] keys of the tiles (all where it is empty).
    /// </summary>
    public abstract void Attend(KeyValueTiles tiles, int firstBlock, int endBlock, int first, int count, ReadOnlySpan<int> visible);

    /// <summary>
    /// Rows [first, first + count) attend a region; row first + i sees its first <paramref name="visible"/>[i] keys (all
    /// where it is empty).
    /// </summary>
    public abstract void Attend(KeyRegion region, int first, int count, ReadOnlySpan<int> visible);

    /// <summary>Log-sum-exp of what a row has attended so far.</summary>
    public abstract float LogSumExp(int row);

    /// <summary>A row's running maximum, sum and (not yet normalised) output.</summary>
    public abstract void ReadState(int row, out float maximum, out float sum, Span<float> output);

    /// <summary>Writes a row's normalised output and returns its log-sum-exp; a row that saw no key gives 0 and −∞.</summary>
    public abstract float Finish(int row, Span<float> output);

    public abstract void Dispose();
}

/// <summary>The block for one SIMD path.</summary>
internal sealed unsafe partial class QueryBlock<TKernel> : QueryBlock
    where TKernel : IKernelPath
{
    private const int BlockKeys = KeyValueTiles.BlockKeys;

    /// <summary>Rows whose softmax is computed together where they see the same keys.</summary>
    private const int RowsTogether = 4;

    /// <summary>Whether keys were attended that may carry <see cref="QueryBlock.RemovedKey"/>.</summary>
    private bool _mayHoldRemoved;

    private readonly int _capacity;
    private readonly int _dimension;
    private readonly int _valuePanels;
    private readonly nint _queryStride;
    private readonly nint _outputStride;
    private readonly NativeBuffer _memory;
    private readonly float* _queries;
    private readonly float* _outputs;
    private readonly float* _maxima;
    private readonly float* _sums;
    private readonly float* _logits;

    public QueryBlock(int capacity, int dimension, int valueDimension)
    {
        _capacity = capacity;
        _dimension = dimension;
        ValueDimension = valueDimension;
        _valuePanels = (valueDimension + TKernel.PanelWidth - 1) / TKernel.PanelWidth;
        _queryStride = Aligned(dimension);
        // Whole lines: members' values are added in these.
        _outputStride = CodedKeys.Padded(_valuePanels * TKernel.PanelWidth);
        nint rows = capacity + TileRows;
        nint strip = StripRows + TileRows;
        nint state = Aligned(rows);
        _memory = NativeBuffer.Rent(rows * (_queryStride + _outputStride) + 2 * state + strip * BlockKeys);
        _memory.Clear();
        _queries = _memory.Pointer;
        _outputs = _queries + rows * _queryStride;
        _maxima = _outputs + rows * _outputStride;
        _sums = _maxima + state;
        _logits = _sums + state;
    }

    public override int ValueDimension { get; }

    public override int ValueFloats => _valuePanels * TKernel.PanelWidth;

    public override int Add(ReadOnlySpan<float> query, float scale)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(Rows, _capacity);
        int row = Rows++;
        System.Numerics.Tensors.TensorPrimitives.Multiply(query, scale, new Span<float>(_queries + row * _queryStride, _dimension));
        new Span<float>(_outputs + row * _outputStride, (int)_outputStride).Clear();
        _maxima[row] = float.NegativeInfinity;
        _sums[row] = 0;
        return row;
    }

    public override RowStates States => new()
    {
        Queries = _queries,
        QueryStride = _queryStride,
        Outputs = _outputs,
        OutputStride = _outputStride,
        Maxima = _maxima,
        Sums = _sums,
    };

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
                    packed.KeyPanel(block, 0), packed.ValuePanel(block, 0), BlockKeys * TKernel.PanelWidth, tiles.HasBias ? packed.Bias(block) : null,
                    _queries + row * _queryStride, _outputs + row * _outputStride, _maxima + row, _sums + row, limits[..rows]);
            }
        }
    }

    public override void Attend(KeyRegion region, int first, int count, ReadOnlySpan<int> visible)
    {
        var packed = (KeyRegion<TKernel>)region;
        _mayHoldRemoved |= region.HasBias;
        Span<int> limits = stackalloc int[StripRows];
        for (int key = 0; key < region.Count; key += BlockKeys)
        {
            packed.Chunk(key, out float* keys, out float* values, out nint valueStride);
            int present = Math.Min(BlockKeys, region.Count - key);
            for (int start = 0; start < count; start += StripRows)
            {
                int rows = Math.Min(StripRows, count - start);
                for (int i = 0; i < rows; i++)
                {
                    limits[i] = visible.IsEmpty ? present : Math.Clamp(visible[start + i] - key, 0, present);
                }
                int row = first + start;
                AttendStrip(
                    keys, values, valueStride, packed.Bias(key),
                    _queries + row * _queryStride, _outputs + row * _outputStride, _maxima + row, _sums + row, limits[..rows]);
            }
        }
    }

    public override float LogSumExp(int row) => _maxima[row] + MathF.Log(_sums[row]);

    public override void ReadState(int row, out float maximum, out float sum, Span<float> output)
    {
        maximum = _maxima[row];
        sum = _sums[row];
        new ReadOnlySpan<float>(_outputs + row * _outputStride, ValueDimension).CopyTo(output);
    }

    public override float Finish(int row, Span<float> output)
    {
        float sum = _sums[row];
        if (sum == 0 || (_mayHoldRemoved && _maxima[row] < RemovedKey / 2))
        {
            output.Clear();
            return float.NegativeInfinity;
        }
        System.Numerics.Tensors.TensorPrimitives.Multiply(
            new ReadOnlySpan<float>(_outputs + row * _outputStride, ValueDimension), 1 / sum, output);
        bool overflown = CheckLogits && !System.Numerics.Tensors.TensorPrimitives.IsFiniteAll<float>(output);
        return overflown ? float.NaN : _maxima[row] + MathF.Log(sum);
    }

    public override void Dispose()
    {
        _memory.Dispose();
        _parts?.Dispose();
    }

    private static nint Aligned(nint length) => (length + 15) & ~15;

    /// <summary>
    /// Up to StripRows rows against up to BlockKeys keys, whose panels lie one after the other; row i sees its first
    /// limits[i] keys.
    /// </summary>
    private void AttendStrip(
        float* keys, float* values, nint valuePanelStride, float* bias, float* queries, float* outputs, float* maxima, float* sums, ReadOnlySpan<int> limits)
    {
        int width = TKernel.PanelWidth;
        int tiles = (limits.Length + TileRows - 1) / TileRows;
        Span<int> reach = stackalloc int[StripRows / TileRows];
        int furthest = Reach(limits, reach);
        for (int start = 0; start < furthest; start += width)
        {
            for (int tile = 0; tile < tiles; tile++)
            {
                if (start < reach[tile])
                {
                    TKernel.MultiplyColumns(
                        queries + tile * TileRows * _queryStride, _queryStride, keys + (nint)start * _dimension, _dimension,
                        _logits + tile * TileRows * BlockKeys + start, BlockKeys, reach[tile] - start);
                }
            }
        }
        SoftmaxRows(bias, outputs, maxima, sums, limits, reach);
        for (int panel = 0; panel < _valuePanels; panel++)
        {
            for (int tile = 0; tile < tiles; tile++)
            {
                if (reach[tile] > 0)
                {
                    TKernel.Multiply(
                        _logits + tile * TileRows * BlockKeys, BlockKeys, values + panel * valuePanelStride, reach[tile],
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
    private void SoftmaxRows(float* bias, float* outputs, float* maxima, float* sums, ReadOnlySpan<int> limits, ReadOnlySpan<int> reach)
    {
        int padded = (limits.Length + TileRows - 1) / TileRows * TileRows;
        for (int i = 0, together; i < padded; i += together)
        {
            together = 1;
            if (bias == null && !CheckLogits && WholeVectors(limits, i))
            {
                together = RowsTogether;
                SoftmaxFour(_logits + i * BlockKeys, limits[i], outputs + i * _outputStride, maxima + i, sums + i);
            }
            else if (i < limits.Length && limits[i] > 0)
            {
                SoftmaxRow(_logits + i * BlockKeys, limits[i], bias, outputs + i * _outputStride, maxima + i, sums + i);
            }
            for (int row = i; row < i + together; row++)
            {
                int limit = row < limits.Length ? limits[row] : 0, hidden = reach[row / TileRows] - limit;
                if (hidden > 0)
                {
                    new Span<float>(_logits + row * BlockKeys + limit, hidden).Clear();
                }
            }
        }
    }

    /// <summary>Whether the rows from one on that are computed together see equally many keys, in whole vectors.</summary>
    private static bool WholeVectors(ReadOnlySpan<int> limits, int first)
    {
        if (first + RowsTogether > limits.Length || limits[first] == 0 || limits[first] % TKernel.Lanes != 0)
        {
            return false;
        }
        ReadOnlySpan<int> together = limits.Slice(first, RowsTogether);
        return together.IndexOfAnyExcept(together[0]) < 0;
    }

    /// <summary><see cref="SoftmaxRow"/> for neighbouring rows, with the same bits: their chains of operations hide each other's latencies.</summary>
    private void SoftmaxFour(float* rows, int keys, float* outputs, float* maxima, float* sums)
    {
        float* largest = stackalloc float[RowsTogether];
        TKernel.MaxFour(rows, BlockKeys, keys, largest);
        for (int i = 0; i < RowsTogether; i++)
        {
            Raise(largest[i], outputs + i * _outputStride, maxima + i, sums + i);
        }
        TKernel.ExpFour(rows, BlockKeys, keys, maxima, sums);
    }

    private void SoftmaxRow(float* row, int limit, float* bias, float* output, float* maximum, float* sum)
    {
        nint padded = (limit + TKernel.Lanes - 1) / TKernel.Lanes * TKernel.Lanes;
        if (CheckLogits && !TKernel.AllFinite(row, limit))
        {
            *sum = float.NaN;
        }
        if (bias != null)
        {
            TKernel.Add(row, bias, padded);
        }
        HideRest(row, limit);
        Raise(TKernel.Max(row, padded), output, maximum, sum);
        // A masked element adds at most 1.3e-38 to a sum of at least 1: it rounds away.
        *sum += TKernel.ExpSum(row, *maximum, padded);
    }

    /// <summary>Makes the logits behind the last one that counts −∞, up to whole vectors; returns the length of these.</summary>
    private static nint HideRest(float* row, int limit)
    {
        nint padded = (limit + TKernel.Lanes - 1) / TKernel.Lanes * TKernel.Lanes;
        for (nint j = limit; j < padded; j++)
        {
            row[j] = float.NegativeInfinity;
        }
        return padded;
    }

    /// <summary>Makes a row's sum and output relative to a larger maximum.</summary>
    private void Raise(float largest, float* output, float* maximum, float* sum)
    {
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
    }
}
