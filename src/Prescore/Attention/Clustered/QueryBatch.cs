using Prescore.Attention.Core;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Queries of one key/value head that attend together, and what a thread needs for that: rows of one query head are
/// neighbours. Kept between batches.
/// </summary>
internal sealed unsafe class QueryBatch : IHitReceiver, IDisposable
{
    /// <summary>Thresholds by which a capped row looks further when its cap is not yet used up.</summary>
    private const int CapStride = 6;

    /// <summary>What lifts a threshold over a score that is equal to it, in steps of the sketch.</summary>
    private const float Above = 0.25f;

    /// <summary>Rows of a block of tiles, in order.</summary>
    private static readonly int[] AllRows = [.. Enumerable.Range(0, KeyValueTiles.BlockKeys)];

    private readonly KeyValueTiles _tiles;
    private readonly List<(int Position, int Head)> _rows = [];
    private readonly List<float> _scores = [];
    private readonly int _dimension;
    private NativeBuffer? _dense;
    private int[] _visible = [];
    private readonly long[] _selected;
    private readonly long[] _screened;
    private float _scoreCentre;
    private float _scoreStep;
    private ProbeEvaluation? _probes;

    /// <param name="simd">SIMD path.</param>
    /// <param name="capacity">Largest number of rows.</param>
    /// <param name="dimension">Length d of queries and keys.</param>
    /// <param name="valueDimension">Length d_v of values.</param>
    /// <param name="rank">Coordinates of a sketch.</param>
    public QueryBatch(SimdPath simd, int capacity, int dimension, int valueDimension, int rank)
    {
        _dimension = dimension;
        Block = QueryBlock.Create(simd, capacity, dimension, valueDimension);
        Far = new FarAttention(ClusteredKernels.Of(simd), capacity, dimension, valueDimension, rank);
        _tiles = KeyValueTiles.Create(simd);
        _selected = new long[capacity];
        _screened = new long[capacity];
    }

    /// <summary>The queries.</summary>
    public QueryBlock Block { get; }

    /// <summary>What the queries attend the far part with.</summary>
    public FarAttention Far { get; }

    /// <summary>Evaluates rows that are probes.</summary>
    public ProbeEvaluation Probes => _probes ??= new ProbeEvaluation(this);

    /// <summary>Position and query head of each row.</summary>
    public IReadOnlyList<(int Position, int Head)> Rows => _rows;

    /// <summary>Near keys that each row sees.</summary>
    public ReadOnlySpan<int> Visible => _visible.AsSpan(0, Block.Rows);

    /// <summary>Forgets all rows.</summary>
    public void Clear()
    {
        Block.Clear();
        _rows.Clear();
    }

    /// <summary>Adds a query that sees the first <paramref name="visible"/> near keys.</summary>
    public void Add(ReadOnlySpan<float> query, float scale, int position, int head, int visible)
    {
        int row = Block.Add(query, scale);
        if (row >= _visible.Length)
        {
            Array.Resize(ref _visible, Math.Max(64, 2 * _visible.Length));
        }
        _visible[row] = visible;
        _rows.Add((position, head));
    }

    /// <summary>Rows attend the far part, each query head with its step: neighbours that screen together, others exactly.</summary>
    /// <param name="index">The far part.</param>
    /// <param name="chosenThresholds">Threshold of each query head, or exact; heads have as many rows each.</param>
    /// <param name="selectedCaps">Most selected keys of each row of a head; empty: no cap.</param>
    /// <param name="firstCapped">Receives for each head the first row that its cap kept from a selected key; −1 if none.</param>
    public void AttendFar(KeyIndex index, ReadOnlySpan<int> chosenThresholds, ReadOnlySpan<int> selectedCaps, Span<int> firstCapped)
    {
        firstCapped.Fill(-1);
        int each = Block.Rows / chosenThresholds.Length;
        if (index.Count == 0 || each == 0)
        {
            return;
        }
        for (int start = 0, end; start < Block.Rows; start = end)
        {
            bool exact = IsExact(start, each, chosenThresholds, selectedCaps, index.Count);
            for (end = start + 1; end < Block.Rows && IsExact(end, each, chosenThresholds, selectedCaps, index.Count) == exact; end++)
            {
            }
            if (exact)
            {
                AttendAll(index, start, end - start);
                continue;
            }
            Far.Begin(Block, index, start, end - start);
            for (int row = start; row < end; row++)
            {
                int head = row / each, cap = selectedCaps.IsEmpty ? int.MaxValue : selectedCaps[row % each];
                if (SetThreshold(index, row - start, chosenThresholds[head], cap) && firstCapped[head] < 0)
                {
                    firstCapped[head] = row;
                }
            }
            Far.Attend();
            for (int row = start; row < end; row++)
            {
                (_selected[row], _screened[row]) = (Far.Selected(row - start), Far.Screened(row - start));
            }
        }
    }

    /// <summary>Rows [first, first + count) attend all far keys exactly.</summary>
    public void AttendAll(KeyIndex index, int first, int count)
    {
        CodedKeys store = index.Store;
        nint keys = (nint)KeyValueTiles.BlockKeys * _dimension, values = (nint)KeyValueTiles.BlockKeys * Block.ValueDimension;
        _dense ??= NativeBuffer.Rent(keys + values);
        for (int start = 0; start < index.Count; start += KeyValueTiles.BlockKeys)
        {
            int present = Math.Min(KeyValueTiles.BlockKeys, index.Count - start);
            for (int i = 0; i < present; i++)
            {
                store.ReadKey(start + i, new Span<float>(_dense.Pointer + i * _dimension, _dimension));
                store.ReadValue(start + i, new Span<float>(_dense.Pointer + keys + i * Block.ValueDimension, Block.ValueDimension));
            }
            _tiles.Reserve(present, _dimension, Block.ValueDimension, store.HasLogWeights);
            var denseKeys = new MatrixView(_dense.Pointer, present, _dimension, _dimension);
            var denseValues = new MatrixView(_dense.Pointer + keys, present, Block.ValueDimension, Block.ValueDimension);
            if (store.HasLogWeights)
            {
                _tiles.PackBlock(0, denseKeys, denseValues, AllRows, new ReadOnlySpan<float>(store.LogWeights + start, present));
            }
            else
            {
                _tiles.PackBlock(0, denseKeys, denseValues);
            }
            Block.Attend(_tiles, first, count);
        }
    }

    /// <summary>Work of the causal rows of one query head that have attended everything.</summary>
    /// <param name="index">The far part.</param>
    /// <param name="first">First row.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="chosenThreshold">Threshold, or exact.</param>
    /// <param name="selectedCaps">Most selected keys of each row; empty: no cap.</param>
    /// <param name="sketchCost">What a compared sketch counts as.</param>
    public HeadWork WorkOf(KeyIndex index, int first, int count, int chosenThreshold, ReadOnlySpan<int> selectedCaps, double sketchCost)
    {
        long interactions = 0, screened = 0, exact = 0;
        for (int row = 0; row < count; row++)
        {
            exact += _rows[first + row].Position + 1;
            interactions += _visible[first + row];
            if (index.Count == 0 || IsExact(row, count, [chosenThreshold], selectedCaps, index.Count))
            {
                interactions += index.Count;
                continue;
            }
            // Rounded row by row, so that how rows came together leaves no trace.
            interactions += index.Clusters + _selected[first + row] + (long)Math.Ceiling(_screened[first + row] * sketchCost);
            screened += _screened[first + row];
        }
        return new HeadWork(interactions, screened, exact);
    }

    /// <summary>Scores of keys that pass a threshold.</summary>
    public void Take(int row, float* radii, ReadOnlySpan<ushort> numbers, ReadOnlySpan<short> products)
    {
        foreach (short product in products)
        {
            _scores.Add(_scoreCentre + _scoreStep * product);
        }
    }

    public void Dispose()
    {
        Block.Dispose();
        Far.Dispose();
        _tiles.Dispose();
        _dense?.Dispose();
        _probes?.Dispose();
    }

    private static bool IsExact(int row, int each, ReadOnlySpan<int> chosenThresholds, ReadOnlySpan<int> caps, int keys) =>
        chosenThresholds[row / each] == Thresholds.Exact && (caps.IsEmpty || caps[row % each] >= keys);

    /// <summary>Sets a row's threshold; says whether its cap keeps it from selected keys that the chosen threshold asks for.</summary>
    private bool SetThreshold(KeyIndex index, int row, int chosenThreshold, int cap)
    {
        if (chosenThreshold == 0)
        {
            return false;
        }
        if (cap == 0)
        {
            return true;
        }
        float mass = Far.LogMass(row);
        if (cap == int.MaxValue)
        {
            Far.SetThreshold(row, mass + (float)Thresholds.LogShare(chosenThreshold));
            return false;
        }
        Far.SetThreshold(row, CappedThreshold(index, row, chosenThreshold, cap, mass, out bool capped));
        return capped;
    }

    /// <summary>
    /// The threshold that at most <paramref name="cap"/> keys pass, no lower than the chosen one's. Fewer than 1/θ keys can
    /// have a share of θ, so the search begins where few more than the cap can pass.
    /// </summary>
    private float CappedThreshold(KeyIndex index, int row, int chosenThreshold, int cap, float mass, out bool capped)
    {
        int last = Math.Min(chosenThreshold, Thresholds.Count - 1);
        for (int step = Math.Min(last, Thresholds.StepOf(1.0 / cap)); ; step = Math.Min(last, step + CapStride))
        {
            float threshold = mass + (float)Thresholds.LogShare(step);
            float unit = CollectScores(index, row, threshold);
            if (_scores.Count > cap)
            {
                _scores.Sort();
                capped = true;
                float edge = _scores[^(cap + 1)];
                return MathF.Max(threshold, edge + MathF.Max(Above * unit, MathF.Abs(edge) * 1e-6f));
            }
            if (step == last)
            {
                capped = chosenThreshold == Thresholds.Exact;
                return threshold;
            }
        }
    }

    /// <summary>Screened logits of all keys that pass a threshold; returns the smallest step of the row's sketches.</summary>
    private float CollectScores(KeyIndex index, int row, float threshold)
    {
        _scores.Clear();
        Far.SetThreshold(row, threshold);
        float step = float.PositiveInfinity;
        foreach (KeySegment segment in index.Segments)
        {
            Far.SetSketches(segment, row, 1);
            _scoreStep = Far.SketchStep(row);
            step = MathF.Min(step, _scoreStep);
            for (int i = 0; i < segment.Clusters; i++)
            {
                int cluster = segment.FirstCluster + i;
                _scoreCentre = Far.CentroidLogit(row, cluster) + index.Centroids.MeanLogWeights[cluster];
                Far.Collect(segment, i, row, this);
            }
        }
        Far.SetThreshold(row, float.PositiveInfinity);
        return step;
    }
}
