using Prescore.Attention.Core;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Attention.Coreset;

/// <summary>
/// Keys of one key/value head and representatives of clusters of keys, as attention computes them: a key, a value and an
/// additive log-weight each. A cluster is one term with its weighted mean key, its weighted mean value and ln W, where
/// W = Σe^a over its members' log-weights a: their count where there are no log-weights. One instance a thread.
/// </summary>
internal sealed unsafe class WeightedKeys(SimdPath simd) : IDisposable
{
    private readonly KeyValueTiles _tiles = KeyValueTiles.Create(simd);
    private NativeBuffer? _rows;
    private float[] _logWeights = [];
    private int[] _order = [];
    private double[] _sums = [];
    private AttentionCall? _call;
    private int _batch;
    private int _head;

    /// <summary>Number of keys and representatives.</summary>
    public int Count { get; private set; }

    /// <summary>The list as it was last packed.</summary>
    public KeyValueTiles Tiles => _tiles;

    /// <summary>Bytes held.</summary>
    public long Bytes => _tiles.Bytes + sizeof(float) * (long)(_rows?.Length ?? 0);

    private AttentionCall Call => _call ?? throw new InvalidOperationException("no list has begun");

    private int RowFloats => Call.Shape.HeadDimension + Call.Shape.ValueDimension;

    /// <summary>Starts an empty list of a key/value head.</summary>
    /// <param name="call">The call.</param>
    /// <param name="batch">Sequence.</param>
    /// <param name="head">Key/value head.</param>
    /// <param name="capacity">Most keys and representatives.</param>
    public void Begin(AttentionCall call, int batch, int head, int capacity)
    {
        (_call, _batch, _head, Count) = (call, batch, head, 0);
        if (_logWeights.Length < capacity)
        {
            _logWeights = new float[capacity];
            _rows?.Dispose();
            _rows = NativeBuffer.Rent((nint)capacity * RowFloats);
        }
    }

    /// <summary>Adds a key as it is.</summary>
    public void AddKey(int position)
    {
        Call.Keys(_batch, _head).Row(position).CopyTo(Key(Count));
        Call.Values(_batch, _head).Row(position).CopyTo(Value(Count));
        _logWeights[Count++] = Call.HasLogWeights ? Call.KeyLogWeights(_batch, _head)[position] : 0;
    }

    /// <summary>Adds one representative for every cluster that has members.</summary>
    /// <param name="positions">Positions of the keys, none of them removed.</param>
    /// <param name="labels">Their clusters, 0 … <paramref name="clusters"/> − 1; negative: the key is left out.</param>
    /// <param name="clusters">Number of clusters.</param>
    public void AddClusters(ReadOnlySpan<int> positions, ReadOnlySpan<int> labels, int clusters)
    {
        double[] largest = Call.HasLogWeights ? LargestLogWeights(positions, labels, clusters) : [];
        int width = RowFloats + 1;
        if (_sums.Length < clusters * width)
        {
            _sums = new double[clusters * width];
        }
        Span<double> sums = _sums.AsSpan(0, clusters * width);
        sums.Clear();
        MatrixView keys = Call.Keys(_batch, _head), values = Call.Values(_batch, _head);
        ReadOnlySpan<float> logWeights = Call.KeyLogWeights(_batch, _head);
        for (int i = 0; i < positions.Length; i++)
        {
            int label = labels[i];
            if (label < 0)
            {
                continue;
            }
            double weight = logWeights.IsEmpty ? 1 : Math.Exp(logWeights[positions[i]] - largest[label]);
            Span<double> sum = sums.Slice(label * width, width);
            sum[0] += weight;
            Add(keys.Row(positions[i]), weight, sum.Slice(1, keys.Columns));
            Add(values.Row(positions[i]), weight, sum[(1 + keys.Columns)..]);
        }
        for (int cluster = 0; cluster < clusters; cluster++)
        {
            ReadOnlySpan<double> sum = sums.Slice(cluster * width, width);
            if (sum[0] > 0)
            {
                Divide(sum.Slice(1, keys.Columns), sum[0], Key(Count));
                Divide(sum[(1 + keys.Columns)..], sum[0], Value(Count));
                _logWeights[Count++] = (float)(Math.Log(sum[0]) + (logWeights.IsEmpty ? 0 : largest[cluster]));
            }
        }
    }

    /// <summary>The list as tiles; valid until the next list begins.</summary>
    public KeyValueTiles Pack()
    {
        if (_order.Length < Count)
        {
            _order = [.. Enumerable.Range(0, _logWeights.Length)];
        }
        int d = Call.Shape.HeadDimension, dv = Call.Shape.ValueDimension;
        float* rows = _rows is null ? null : _rows.Pointer;
        _tiles.Pack(
            new MatrixView(rows, Count, d, RowFloats), new MatrixView(rows + d, Count, dv, RowFloats),
            _order.AsSpan(0, Count), _logWeights.AsSpan(0, Count));
        _call = null;
        return _tiles;
    }

    public void Dispose()
    {
        _tiles.Dispose();
        _rows?.Dispose();
    }

    private Span<float> Key(int row) => new(_rows!.Pointer + (nint)row * RowFloats, Call.Shape.HeadDimension);

    private Span<float> Value(int row) => new(_rows!.Pointer + (nint)row * RowFloats + Call.Shape.HeadDimension, Call.Shape.ValueDimension);

    private double[] LargestLogWeights(ReadOnlySpan<int> positions, ReadOnlySpan<int> labels, int clusters)
    {
        var largest = new double[clusters];
        Array.Fill(largest, double.NegativeInfinity);
        ReadOnlySpan<float> logWeights = Call.KeyLogWeights(_batch, _head);
        for (int i = 0; i < positions.Length; i++)
        {
            if (labels[i] >= 0)
            {
                largest[labels[i]] = Math.Max(largest[labels[i]], logWeights[positions[i]]);
            }
        }
        return largest;
    }

    private static void Add(ReadOnlySpan<float> row, double weight, Span<double> sum)
    {
        if (weight == 1)
        {
            ShortVectors.AddTo(row, sum);
            return;
        }
        for (int l = 0; l < row.Length; l++)
        {
            sum[l] += weight * row[l];
        }
    }

    private static void Divide(ReadOnlySpan<double> sum, double weight, Span<float> mean)
    {
        double factor = 1 / weight;
        for (int l = 0; l < mean.Length; l++)
        {
            mean[l] = (float)(sum[l] * factor);
        }
    }
}
