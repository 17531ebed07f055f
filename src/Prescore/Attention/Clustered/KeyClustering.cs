using System.Numerics.Tensors;
using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Euclidean k-means of the keys of one head, warm-started from the previous fit: new centres are drawn by squared
/// distance to the old ones, then a few Lloyd steps.
/// </summary>
internal sealed class KeyClustering(AttentionOptions run, int head, int dimension, int steps)
{
    private const int ChunkRows = 256;

    private float[] _centres = [];
    private float[] _halfNorms = [];
    private int _count;

    /// <summary>Key·centroid products computed so far.</summary>
    public long Products { get; private set; }

    public void Clear() => _count = 0;

    /// <summary>Fits at most <paramref name="clusters"/> centres and labels every key; returns how many clusters there are (none is empty).</summary>
    public int Fit(ReadOnlySpan<float> keys, int n, int clusters, Span<int> labels)
    {
        var scores = new float[n];
        Seed(keys, n, clusters, labels, scores);
        for (int step = 0; step < steps; step++)
        {
            Label(keys, n, labels, scores);
            Average(keys, n, labels);
        }
        Label(keys, n, labels, scores);
        return DropEmpty(labels);
    }

    /// <summary>Nearest centre of each key, ties to the lower index.</summary>
    public void Assign(ReadOnlySpan<float> keys, int n, Span<int> labels) => Label(keys, n, labels, new float[n]);

    /// <summary>Adds centres until there are <paramref name="clusters"/>: systematic sampling by squared distance to the nearest one there is.</summary>
    private void Seed(ReadOnlySpan<float> keys, int n, int clusters, Span<int> labels, Span<float> scores)
    {
        if (_count == 0)
        {
            _centres = new float[dimension];
            for (int i = 0; i < n; i++)
            {
                TensorPrimitives.Add(_centres, keys.Slice(i * dimension, dimension), _centres);
            }
            TensorPrimitives.Divide(_centres, n, _centres);
            _count = 1;
        }
        int missing = clusters - _count;
        if (missing <= 0)
        {
            return;
        }
        Label(keys, n, labels, scores);
        double total = 0;
        for (int i = 0; i < n; i++)
        {
            total += SquaredDistance(keys, i, scores);
        }
        Array.Resize(ref _centres, clusters * dimension);
        double offset = CounterRandom.Uniform(CounterRandom.Hash(run.Seed, run.Layer, head, n, 0));
        double passed = 0;
        int added = 0;
        for (int i = 0; i < n && added < missing; i++)
        {
            passed += SquaredDistance(keys, i, scores);
            if (passed > (added + offset) * total / missing)
            {
                keys.Slice(i * dimension, dimension).CopyTo(_centres.AsSpan((_count + added++) * dimension));
                while (added < missing && passed > (added + offset) * total / missing)
                {
                    // One key covers several marks (a far outlier): it can be a centre only once.
                    missing--;
                }
            }
        }
        _count += added;
    }

    private double SquaredDistance(ReadOnlySpan<float> keys, int i, ReadOnlySpan<float> scores)
    {
        ReadOnlySpan<float> key = keys.Slice(i * dimension, dimension);
        return Math.Max(0, TensorPrimitives.Dot(key, key) - 2 * scores[i]);
    }

    /// <summary>label = argmin ‖x − c‖² = argmax (x·c − ‖c‖²/2), which is the score.</summary>
    private void Label(ReadOnlySpan<float> keys, int n, Span<int> labels, Span<float> scores)
    {
        if (_halfNorms.Length < _count)
        {
            _halfNorms = new float[_count];
        }
        for (int c = 0; c < _count; c++)
        {
            ReadOnlySpan<float> centre = _centres.AsSpan(c * dimension, dimension);
            _halfNorms[c] = TensorPrimitives.Dot(centre, centre) / 2;
        }
        using PackedMatrix packed = PackedMatrix.Pack(_centres, _count, dimension, run.Simd);
        var products = new float[ChunkRows * _count];
        for (int first = 0; first < n; first += ChunkRows)
        {
            int rows = Math.Min(ChunkRows, n - first);
            packed.Multiply(keys[(first * dimension)..], dimension, rows, products, _count, threads: 1);
            for (int i = 0; i < rows; i++)
            {
                Span<float> row = products.AsSpan(i * _count, _count);
                TensorPrimitives.Subtract(row, _halfNorms.AsSpan(0, _count), row);
                int best = TensorPrimitives.IndexOfMax<float>(row);
                labels[first + i] = best;
                scores[first + i] = row[best];
            }
        }
        Products += (long)n * _count;
    }

    private void Average(ReadOnlySpan<float> keys, int n, ReadOnlySpan<int> labels)
    {
        var sums = new float[_count * dimension];
        var sizes = new int[_count];
        for (int i = 0; i < n; i++)
        {
            Span<float> sum = sums.AsSpan(labels[i] * dimension, dimension);
            TensorPrimitives.Add(sum, keys.Slice(i * dimension, dimension), sum);
            sizes[labels[i]]++;
        }
        for (int c = 0; c < _count; c++)
        {
            if (sizes[c] > 0)
            {
                TensorPrimitives.Divide(sums.AsSpan(c * dimension, dimension), sizes[c], _centres.AsSpan(c * dimension, dimension));
            }
        }
    }

    private int DropEmpty(Span<int> labels)
    {
        var renamed = new int[_count];
        foreach (int label in labels)
        {
            renamed[label] = 1;
        }
        int kept = 0;
        for (int c = 0; c < _count; c++)
        {
            if (renamed[c] == 0)
            {
                continue;
            }
            _centres.AsSpan(c * dimension, dimension).CopyTo(_centres.AsSpan(kept * dimension));
            renamed[c] = kept++;
        }
        for (int i = 0; i < labels.Length; i++)
        {
            labels[i] = renamed[labels[i]];
        }
        return _count = kept;
    }
}
