using System.Numerics.Tensors;
using Prescore.Attention.Core;
using Prescore.Kernels;
using Prescore.Memory;

namespace Prescore.Attention.Antidiagonal;

/// <summary>
/// Shares of attention that blocks of keys have of blocks of queries, estimated from strided antidiagonals: with queries and
/// keys in groups ("strides") of S neighbours, the logits q[iS + S − 1 − k] · k[jS + k] are summed over k and divided by S, a
/// softmax over the key strides j that the query stride i may see turns them into shares, and those of a block's strides are
/// added. One instance a thread.
/// </summary>
internal abstract unsafe class BlockScores(int queryBlocks, int group) : IDisposable
{
    private protected float[] Scores { get; set; } = [];

    /// <summary>Most blocks of queries at a time.</summary>
    public int QueryBlocks => queryBlocks;

    private protected int KeyBlocks { get; set; }

    private protected int Group => group;

    /// <summary>Creates an instance for the SIMD path of a call.</summary>
    public static BlockScores Create(AttentionCall call, int stride, int queryBlocks) => call.Options.Simd switch
    {
        SimdPath.Vector512 => new BlockScores<Kernel512>(call, stride, queryBlocks),
        SimdPath.Vector256 => new BlockScores<Kernel256>(call, stride, queryBlocks),
        _ => new BlockScores<KernelScalar>(call, stride, queryBlocks),
    };

    /// <summary>Scores the blocks of keys for blocks [first, first + count) of queries; returns the products of queries and keys in the sums.</summary>
    public abstract long Compute(int batch, int head, PositionBlocks blocks, int first, int count);

    /// <summary>A score for each block of keys, of the queries of one head in one block: they add up to its number of strides.</summary>
    public ReadOnlySpan<float> Of(int queryBlock, int member) => Scores.AsSpan((queryBlock * Group + member) * KeyBlocks, KeyBlocks);

    public abstract void Dispose();
}

/// <summary>The scores for one SIMD path.</summary>
internal sealed unsafe class BlockScores<TKernel> : BlockScores
    where TKernel : IKernelPath
{
    private const int BlockPositions = XAttention.BlockPositions;

    private const int TileRows = 6;

    /// <summary>Rows of products that stay in the second-level cache while all slices of the depth pass.</summary>
    private const int ChunkRows = 192;

    private readonly AttentionCall _call;
    private readonly int _stride;
    private readonly int _dimension;
    private readonly NativeBuffer _panel;
    private readonly NativeBuffer _tail;
    private readonly int[] _limits = new int[TKernel.PanelWidth];
    private readonly float[] _largest = new float[TKernel.PanelWidth];
    private readonly float[] _totals = new float[TKernel.PanelWidth];
    private NativeBuffer _products = NativeBuffer.Rent(1);
    private float[] _shares = [];

    public BlockScores(AttentionCall call, int stride, int queryBlocks)
        : base(queryBlocks, call.Shape.GroupSize)
    {
        (_call, _stride, _dimension) = (call, stride, call.Shape.HeadDimension);
        _panel = NativeBuffer.Rent((nint)stride * _dimension * TKernel.PanelWidth);
        _tail = NativeBuffer.Rent((nint)TileRows * _dimension);
    }

    private static int Width => TKernel.PanelWidth;

    /// <summary>Strides of a block.</summary>
    private int BlockStrides => BlockPositions / _stride;

    public override long Compute(int batch, int head, PositionBlocks blocks, int first, int count)
    {
        int endKey = _call.Causal ? blocks[first + count - 1].EndQuery : _call.Shape.Keys;
        int keyStrides = (endKey + _stride - 1) / _stride;
        KeyBlocks = (endKey + BlockPositions - 1) / BlockPositions;
        Reserve(keyStrides);
        Scores.AsSpan(0, QueryBlocks * Group * KeyBlocks).Clear();
        long products = 0;
        int columns = count * Group * BlockStrides;
        for (int column = 0; column < columns; column += Width)
        {
            int present = Math.Min(Width, columns - column);
            products += PackQueries(batch, head, blocks, first, column, present, keyStrides);
            Multiply(_call.Keys(batch, head), keyStrides);
            Softmax(keyStrides);
            AddShares(column, present);
        }
        return products;
    }

    public override void Dispose()
    {
        _panel.Dispose();
        _tail.Dispose();
        _products.Dispose();
    }

    private void Reserve(int keyStrides)
    {
        nint products = (nint)(keyStrides + ChunkRows) * Width;
        if (_products.Length < products)
        {
            _products.Dispose();
            _products = NativeBuffer.Rent(products);
        }
        int scores = QueryBlocks * Group * KeyBlocks;
        Scores = Scores.Length < scores ? new float[scores] : Scores;
        _shares = _shares.Length < KeyBlocks * Width ? new float[KeyBlocks * Width] : _shares;
    }

    /// <summary>
    /// The query strides of a panel's columns, S slices [d, width], the last query of a stride first; queries that the call
    /// does not have are zeros. Sets how many key strides each column sees, 0 for one without queries.
    /// </summary>
    private long PackQueries(int batch, int head, PositionBlocks blocks, int first, int firstColumn, int columns, int keyStrides)
    {
        _panel.Clear();
        _limits.AsSpan().Clear();
        long products = 0;
        for (int column = 0; column < columns; column++)
        {
            (int queryBlock, int rest) = Math.DivRem(firstColumn + column, Group * BlockStrides);
            (int member, int index) = Math.DivRem(rest, BlockStrides);
            PositionBlock block = blocks[first + queryBlock];
            MatrixView queries = _call.Queries(batch, head * Group + member);
            int start = block.Start + index * _stride;
            for (int t = Math.Max(start, block.FirstQuery); t < Math.Min(start + _stride, block.EndQuery); t++)
            {
                _limits[column] = _call.Causal ? start / _stride + 1 : keyStrides;
                products += _limits[column];
                PackQuery(queries.Row(t - _call.Shape.FirstQueryPosition), start + _stride - 1 - t, column);
            }
        }
        return products;
    }

    private void PackQuery(ReadOnlySpan<float> query, int slice, int column)
    {
        float factor = _call.Scale / _stride;
        float* target = _panel.Pointer + (nint)slice * _dimension * Width + column;
        for (int l = 0; l < query.Length; l++)
        {
            target[l * Width] = query[l] * factor;
        }
    }

    /// <summary>
    /// Products of all key strides with the panel. Key k of six neighbouring strides are six rows at equal distances: the keys
    /// are read as they lie.
    /// </summary>
    private void Multiply(MatrixView keys, int keyStrides)
    {
        nint sliceFloats = (nint)_dimension * Width;
        for (int chunk = 0; chunk < keyStrides; chunk += ChunkRows)
        {
            int end = Math.Min(keyStrides, chunk + ChunkRows);
            for (int slice = 0; slice < _stride; slice++)
            {
                float* panel = _panel.Pointer + slice * sliceFloats;
                for (int row = chunk; row < end; row += TileRows)
                {
                    float* a = Tile(keys, row, slice, out nint aStride);
                    TKernel.Multiply(a, aStride, panel, _dimension, _products.Pointer + (nint)row * Width, Width, accumulate: slice > 0);
                }
            }
        }
    }

    /// <summary>Key <paramref name="slice"/> of six strides from <paramref name="row"/> on; zeros where there is none.</summary>
    private float* Tile(MatrixView keys, int row, int slice, out nint stride)
    {
        long last = (long)(row + TileRows - 1) * _stride + slice;
        if (last < keys.Rows)
        {
            stride = _stride * keys.Stride;
            return keys.Pointer(row * _stride + slice);
        }
        _tail.Clear();
        for (int i = 0; i < TileRows; i++)
        {
            long key = (long)(row + i) * _stride + slice;
            if (key < keys.Rows)
            {
                keys.Row((int)key).CopyTo(new Span<float>(_tail.Pointer + (nint)i * _dimension, _dimension));
            }
        }
        stride = _dimension;
        return _tail.Pointer;
    }

    /// <summary>Turns each column's products into weights and adds those of each block of keys, [key blocks, width].</summary>
    private void Softmax(int keyStrides)
    {
        int all = _limits.Where(limit => limit > 0).DefaultIfEmpty(0).Min();
        Span<float> largest = _largest, totals = _totals;
        largest.Fill(float.MinValue);
        totals.Clear();
        for (int row = 0; row < keyStrides; row++)
        {
            if (row >= all)
            {
                Hide(Row(row), row);
            }
            TensorPrimitives.Max(largest, Row(row), largest);
        }
        for (int block = 0; block < KeyBlocks; block++)
        {
            Span<float> shares = _shares.AsSpan(block * Width, Width);
            shares.Clear();
            for (int row = block * BlockStrides; row < Math.Min(keyStrides, (block + 1) * BlockStrides); row++)
            {
                Span<float> weights = Row(row);
                TensorPrimitives.Subtract(weights, largest, weights);
                TKernel.ExpSum(_products.Pointer + (nint)row * Width, 0, Width);
                TensorPrimitives.Add(shares, weights, shares);
            }
            TensorPrimitives.Add(totals, shares, totals);
        }
    }

    private Span<float> Row(int row) => new(_products.Pointer + (nint)row * Width, Width);

    /// <summary>Takes a key stride from the query strides that do not see it.</summary>
    private void Hide(Span<float> products, int row)
    {
        for (int column = 0; column < Width; column++)
        {
            products[column] = row < _limits[column] ? products[column] : float.MinValue;
        }
    }

    private void AddShares(int firstColumn, int columns)
    {
        for (int column = 0; column < columns; column++)
        {
            if (_limits[column] == 0)
            {
                continue;
            }
            Span<float> scores = Scores.AsSpan((firstColumn + column) / BlockStrides * KeyBlocks, KeyBlocks);
            for (int block = 0; block < KeyBlocks; block++)
            {
                scores[block] += _shares[block * Width + column] / _totals[column];
            }
        }
    }
}
