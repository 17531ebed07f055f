using System.Buffers;
using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Clustering;

/// <summary>
/// Squared distances of points to fixed targets y, by a matrix product: with m the mean target,
/// <c>‖x − y‖² − ‖x − m‖² = ‖y‖² − ‖m‖² − 2x·(y − m)</c>. The left side orders the targets of one point as the squared
/// distance does, and, unlike ‖y‖² − 2x·y, does not cancel where all points share a large mean, as keys do.
/// </summary>
internal sealed class RelativeDistances : IDisposable
{
    private const int ChunkFloats = 16 * 1024;
    private const int LargestChunk = 192;

    private readonly PackedMatrix _rows;
    private readonly float[] _offsets;
    private readonly float[] _mean;

    /// <summary>Prepares the targets.</summary>
    /// <param name="targets">Targets [count, dimension], dense.</param>
    /// <param name="count">Number of targets, at least 1.</param>
    /// <param name="dimension">Size of a point.</param>
    /// <param name="factor">Every result is multiplied by it.</param>
    /// <param name="simd">SIMD path.</param>
    public RelativeDistances(ReadOnlySpan<float> targets, int count, int dimension, double factor, SimdPath simd)
    {
        Factor = factor;
        _mean = new float[dimension];
        _offsets = new float[count];
        Average(targets, count, _mean);
        double meanSquare = ShortVectors.DotInDouble(_mean, _mean);
        float[] pooled = ArrayPool<float>.Shared.Rent(count * dimension);
        Span<float> rows = pooled.AsSpan(0, count * dimension);
        for (int j = 0; j < count; j++)
        {
            ReadOnlySpan<float> target = targets.Slice(j * dimension, dimension);
            _offsets[j] = FiniteScores.From(factor * (ShortVectors.DotInDouble(target, target) - meanSquare));
            Span<float> row = rows.Slice(j * dimension, dimension);
            for (int l = 0; l < row.Length; l++)
            {
                row[l] = (float)(-2 * factor * ((double)target[l] - _mean[l]));
            }
        }
        FiniteScores.Clamp(rows);
        _rows = PackedMatrix.Pack(rows, count, dimension, simd);
        ArrayPool<float>.Shared.Return(pooled);
        Chunk = Math.Clamp(ChunkFloats / count, 6, LargestChunk) / 6 * 6;
    }

    /// <summary>Number of targets.</summary>
    public int Count => _rows.Rows;

    /// <summary>What the results are multiplied by.</summary>
    public double Factor { get; }

    /// <summary>The mean target m.</summary>
    public ReadOnlySpan<float> Mean => _mean;

    /// <summary>For target j, factor · (‖y_j‖² − ‖m‖²): to be added to column j of <see cref="Products"/>.</summary>
    public ReadOnlySpan<float> Offsets => _offsets;

    /// <summary>How many points to pass at a time so that the products stay in the cache.</summary>
    public int Chunk { get; }

    /// <summary>products[i, j] = −2 · factor · xᵢ·(y_j − m), rows <see cref="Count"/> floats apart.</summary>
    public void Products(in KeyMatrix points, Span<float> products) =>
        _rows.Multiply(points.Values, points.Stride, points.Count, products, Count, threads: 1);

    /// <inheritdoc/>
    public void Dispose() => _rows.Dispose();

    private static void Average(ReadOnlySpan<float> targets, int count, Span<float> mean)
    {
        var sums = new double[mean.Length];
        for (int j = 0; j < count; j++)
        {
            ShortVectors.AddTo(targets.Slice(j * mean.Length, mean.Length), sums);
        }
        for (int l = 0; l < mean.Length; l++)
        {
            mean[l] = (float)(sums[l] / count);
        }
    }
}
