using System.Buffers;
using System.Numerics;
using System.Runtime.InteropServices;
using Prescore.Scoring;

namespace Prescore.Clustering;

/// <summary>The centre of a cluster is its mean, summed in double precision: k-means.</summary>
internal readonly struct MeanCentres : ICentreRule
{
    public static void Move(in KeyMatrix points, ReadOnlySpan<int> labels, int count, Span<float> centres)
    {
        int dimension = points.Dimension;
        double[] pooledSums = ArrayPool<double>.Shared.Rent(count * dimension);
        int[] pooledSizes = ArrayPool<int>.Shared.Rent(count);
        Span<double> sums = pooledSums.AsSpan(0, count * dimension);
        Span<int> sizes = pooledSizes.AsSpan(0, count);
        sums.Clear();
        sizes.Clear();
        for (int i = 0; i < points.Count; i++)
        {
            sizes[labels[i]]++;
            Add(points[i], sums.Slice(labels[i] * dimension, dimension));
        }
        for (int j = 0; j < count; j++)
        {
            for (int l = 0; l < dimension && sizes[j] > 0; l++)
            {
                centres[j * dimension + l] = (float)(sums[j * dimension + l] / sizes[j]);
            }
        }
        ArrayPool<double>.Shared.Return(pooledSums);
        ArrayPool<int>.Shared.Return(pooledSizes);
    }

    private static void Add(ReadOnlySpan<float> point, Span<double> sum)
    {
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(point);
        Span<Vector<double>> sums = MemoryMarshal.Cast<double, Vector<double>>(sum);
        for (int i = 0; i < vectors.Length; i++)
        {
            Vector.Widen(vectors[i], out Vector<double> low, out Vector<double> high);
            sums[2 * i] += low;
            sums[2 * i + 1] += high;
        }
        for (int l = vectors.Length * Vector<float>.Count; l < point.Length; l++)
        {
            sum[l] += point[l];
        }
    }
}
