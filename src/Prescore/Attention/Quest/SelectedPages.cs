using System.Diagnostics;
using System.Numerics.Tensors;
using Prescore.Attention.Core;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Numerics;
using Prescore.Storage;

namespace Prescore.Attention.Quest;

/// <summary>
/// Queries that attend the pages that each of them selects, and their last page. The queries that selected a page meet it
/// together, in register tiles: first all logits are computed page by page, then each query's softmax, then the outputs page
/// by page. A row's bits do not depend on the rows beside it. One instance a thread.
/// </summary>
internal abstract class SelectedPages : IDisposable
{
    /// <summary>Number of queries added.</summary>
    public int Rows { get; protected set; }

    /// <summary>Creates an instance for the SIMD path of a call.</summary>
    /// <param name="call">The call.</param>
    /// <param name="tiles">Keys and values.</param>
    /// <param name="page">Keys of a page.</param>
    /// <param name="pages">Pages that a query selects.</param>
    /// <param name="rows">Most queries at a time.</param>
    public static SelectedPages Create(AttentionCall call, KeyValueTiles tiles, int page, int pages, int rows) => call.Options.Simd switch
    {
        SimdPath.Vector512 => new SelectedPages<Kernel512>(tiles, page, pages, rows),
        SimdPath.Vector256 => new SelectedPages<Kernel256>(tiles, page, pages, rows),
        _ => new SelectedPages<KernelScalar>(tiles, page, pages, rows),
    };

    /// <summary>Forgets all queries.</summary>
    public void Clear() => Rows = 0;

    /// <summary>Adds a query.</summary>
    /// <param name="query">Query [d].</param>
    /// <param name="scale">Factor on the dot products.</param>
    /// <param name="visible">Keys that it sees.</param>
    /// <param name="wholePages">Pages that it selects from: more than it selects.</param>
    public abstract void Add(ReadOnlySpan<float> query, float scale, int visible, int wholePages);

    /// <summary>Selects and attends, for all queries.</summary>
    public abstract void Attend(KeyValueTiles tiles, KeyValueTiles bounds, WorkCounter work);

    /// <summary>Writes a query's output and returns its log-sum-exp.</summary>
    public abstract float Finish(int row, Span<float> output);

    public abstract void Dispose();
}

/// <summary>The same for one SIMD path.</summary>
internal sealed unsafe class SelectedPages<TKernel> : SelectedPages
    where TKernel : IKernelPath
{
    private const int TileRows = 6;

    /// <summary>Queries whose bounds are held at a time.</summary>
    private const int StripRows = 24;

    private readonly int _page;
    private readonly int _pages;
    private readonly int _dimension;
    private readonly int _valueFloats;
    private readonly int _rowLogits;
    private readonly int _boundColumns;
    private readonly NativeBuffer _memory;
    private readonly float* _queries;
    private readonly float* _outputs;
    private readonly float* _logits;
    private readonly float* _boundQueries;
    private readonly float* _gathered;
    private readonly float* _products;
    private readonly float[] _maxima;
    private readonly float[] _sums;
    private readonly int[] _visible;
    private readonly int[] _whole;
    private readonly int[] _selected;
    private readonly int[] _entries;
    private NativeBuffer _scores = NativeBuffer.Rent(1);
    private int[] _firstEntry = [];

    public SelectedPages(KeyValueTiles tiles, int page, int pages, int rows)
    {
        (_page, _pages, _dimension) = (page, pages, tiles.Dimension);
        _valueFloats = (tiles.ValueDimension + TKernel.PanelWidth - 1) / TKernel.PanelWidth * TKernel.PanelWidth;
        _rowLogits = (pages + 1) * page;
        _boundColumns = PageBounds.Columns(tiles);
        int padded = rows + TileRows, panel = Math.Max(TKernel.PanelWidth, page);
        nint queries = Line((nint)padded * _dimension), outputs = Line((nint)padded * _valueFloats), logits = Line((nint)rows * _rowLogits);
        nint boundQueries = Line((nint)(StripRows + TileRows) * _boundColumns), gathered = Line((nint)TileRows * Math.Max(_dimension, page));
        _memory = NativeBuffer.Rent(queries + outputs + logits + boundQueries + gathered + Line((nint)TileRows * panel));
        _queries = _memory.Pointer;
        _outputs = _queries + queries;
        _logits = _outputs + outputs;
        _boundQueries = _logits + logits;
        _gathered = _boundQueries + boundQueries;
        _products = _gathered + gathered;
        (_maxima, _sums, _visible, _whole) = (new float[rows], new float[rows], new int[rows], new int[rows]);
        _selected = new int[rows * (pages + 1)];
        _entries = new int[rows * (pages + 1)];
    }

    /// <summary>Pages of a query: those selected and its last.</summary>
    private int Slots => _pages + 1;

    public override void Add(ReadOnlySpan<float> query, float scale, int visible, int wholePages)
    {
        int row = Rows++;
        TensorPrimitives.Multiply(query, scale, new Span<float>(_queries + (nint)row * _dimension, _dimension));
        (_visible[row], _whole[row]) = (visible, wholePages);
    }

    public override void Attend(KeyValueTiles tiles, KeyValueTiles bounds, WorkCounter work)
    {
        if (Rows == 0)
        {
            return;
        }
        long start = Stopwatch.GetTimestamp();
        for (int row = 0; row < Rows; row += StripRows)
        {
            Select((KeyValueTiles<TKernel>)bounds, row, Math.Min(StripRows, Rows - row));
        }
        // Where all keys are in full pages, nothing stands behind them.
        int pages = Math.Min(SortByPage(), (tiles.Count + _page - 1) / _page);
        work.AddIndexTime(start);
        var packed = (KeyValueTiles<TKernel>)tiles;
        for (int page = 0; page < pages; page++)
        {
            MultiplyKeys(packed, page);
        }
        for (int row = 0; row < Rows; row++)
        {
            Softmax(packed, row);
        }
        new Span<float>(_outputs, Rows * _valueFloats).Clear();
        for (int page = 0; page < pages; page++)
        {
            MultiplyValues(packed, page);
        }
    }

    public override float Finish(int row, Span<float> output)
    {
        TensorPrimitives.Multiply(new ReadOnlySpan<float>(_outputs + (nint)row * _valueFloats, output.Length), 1 / _sums[row], output);
        return _maxima[row] + MathF.Log(_sums[row]);
    }

    public override void Dispose()
    {
        _memory.Dispose();
        _scores.Dispose();
    }

    private static nint Line(nint floats) => (floats + 15) & ~15;

    /// <summary>Bounds of all pages for some rows, and each row's highest.</summary>
    private void Select(KeyValueTiles<TKernel> bounds, int first, int count)
    {
        int width = TKernel.PanelWidth, most = TensorPrimitives.Max<int>(_whole.AsSpan(first, count));
        nint stride = (most + width - 1) / width * (nint)width;
        if (_scores.Length < (StripRows + TileRows) * stride)
        {
            _scores.Dispose();
            _scores = NativeBuffer.Rent((StripRows + TileRows) * stride);
        }
        for (int i = 0; i < count; i++)
        {
            PageBounds.FillQuery(
                new ReadOnlySpan<float>(_queries + (nint)(first + i) * _dimension, _dimension),
                new Span<float>(_boundQueries + (nint)i * _boundColumns, _boundColumns));
        }
        for (int page = 0; page < most; page += width)
        {
            float* panel = bounds.KeyPanel(page / KeyValueTiles.BlockKeys, page % KeyValueTiles.BlockKeys / width);
            for (int tile = 0; tile < count; tile += TileRows)
            {
                TKernel.MultiplyColumns(
                    _boundQueries + (nint)tile * _boundColumns, _boundColumns, panel, _boundColumns,
                    _scores.Pointer + tile * stride + page, stride, Math.Min(width, most - page));
            }
        }
        for (int row = first; row < first + count; row++)
        {
            TopIndices.Select(
                new ReadOnlySpan<float>(_scores.Pointer + (row - first) * stride, _whole[row]),
                _selected.AsSpan(row * Slots, Math.Min(_pages, _whole[row])));
            _selected[row * Slots + _pages] = _whole[row];
        }
    }

    /// <summary>Lists, page after page, which slots of which rows hold it; returns one beyond the last page.</summary>
    private int SortByPage()
    {
        int pages = TensorPrimitives.Max<int>(_whole.AsSpan(0, Rows)) + 1, slots = Rows * Slots;
        _firstEntry = _firstEntry.Length < pages + 2 ? new int[pages + 2 + pages / 2] : _firstEntry;
        Span<int> first = _firstEntry.AsSpan(0, pages + 2);
        first.Clear();
        for (int i = 0; i < slots; i++)
        {
            first[_selected[i] + 2]++;
        }
        for (int page = 2; page < first.Length; page++)
        {
            first[page] += first[page - 1];
        }
        for (int i = 0; i < slots; i++)
        {
            _entries[first[_selected[i] + 1]++] = i;
        }
        return pages;
    }

    private ReadOnlySpan<int> EntriesOf(int page) => _entries.AsSpan(_firstEntry[page]..(_firstEntry[page + 1]));

    private void MultiplyKeys(KeyValueTiles<TKernel> tiles, int page)
    {
        ReadOnlySpan<int> entries = EntriesOf(page);
        int width = TKernel.PanelWidth, block = page * _page / KeyValueTiles.BlockKeys, firstKey = page * _page % KeyValueTiles.BlockKeys;
        for (int start = 0; start < entries.Length; start += TileRows)
        {
            ReadOnlySpan<int> tile = entries.Slice(start, Math.Min(TileRows, entries.Length - start));
            for (int i = 0; i < tile.Length; i++)
            {
                Copy(_queries + (nint)(tile[i] / Slots) * _dimension, _gathered + (nint)i * _dimension, _dimension);
            }
            for (int key = 0; key < _page; key += width)
            {
                int columns = Math.Min(width, _page - key), index = firstKey + key;
                TKernel.MultiplyColumns(
                    _gathered, _dimension, tiles.KeyPanel(block, index / width) + index % width, _dimension, _products, width, columns);
                for (int i = 0; i < tile.Length; i++)
                {
                    Copy(_products + i * width, Logits(tile[i]) + key, columns);
                }
            }
        }
    }

    /// <summary>Where the logits of an entry start.</summary>
    private float* Logits(int entry) => _logits + (nint)(entry / Slots) * _rowLogits + entry % Slots * _page;

    /// <summary>Turns a row's logits into weights; keys of its last page that it does not see get none.</summary>
    private void Softmax(KeyValueTiles<TKernel> tiles, int row)
    {
        float* logits = _logits + (nint)row * _rowLogits;
        if (tiles.HasBias)
        {
            for (int slot = 0; slot < Slots; slot++)
            {
                int key = _selected[row * Slots + slot] * _page;
                if (key < tiles.Count)
                {
                    TKernel.Add(logits + slot * _page, tiles.Bias(key / KeyValueTiles.BlockKeys) + key % KeyValueTiles.BlockKeys, _page);
                }
            }
        }
        int visible = _pages * _page + _visible[row] - _whole[row] * _page;
        new Span<float>(logits + visible, _rowLogits - visible).Fill(float.NegativeInfinity);
        _maxima[row] = TKernel.Max(logits, _rowLogits);
        _sums[row] = TKernel.ExpSum(logits, _maxima[row], _rowLogits);
        new Span<float>(logits + visible, _rowLogits - visible).Clear();
    }

    private void MultiplyValues(KeyValueTiles<TKernel> tiles, int page)
    {
        ReadOnlySpan<int> entries = EntriesOf(page);
        int keys = Math.Min(_page, tiles.Count - page * _page);
        int width = TKernel.PanelWidth, block = page * _page / KeyValueTiles.BlockKeys, firstKey = page * _page % KeyValueTiles.BlockKeys;
        for (int start = 0; start < entries.Length; start += TileRows)
        {
            ReadOnlySpan<int> tile = entries.Slice(start, Math.Min(TileRows, entries.Length - start));
            for (int i = 0; i < tile.Length; i++)
            {
                Copy(Logits(tile[i]), _gathered + i * _page, _page);
            }
            for (int column = 0; column < _valueFloats; column += width)
            {
                TKernel.Multiply(_gathered, _page, tiles.ValuePanel(block, column / width) + (nint)firstKey * width, keys, _products, width, accumulate: false);
                for (int i = 0; i < tile.Length; i++)
                {
                    TKernel.Add(_outputs + (nint)(tile[i] / Slots) * _valueFloats + column, _products + i * width, width);
                }
            }
        }
    }

    private static void Copy(float* source, float* target, int count) =>
        new ReadOnlySpan<float>(source, count).CopyTo(new Span<float>(target, count));
}
