using System.Buffers;
using Prescore.Kernels;
using Prescore.Numerics;

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
            ShortVectors.AddTo(points[i], sums.Slice(labels[i] * dimension, dimension));
        }
        for (int j = 0; j < count; j++)
        {
            double weight = 1.0 / sizes[j];
            for (int l = 0; l < dimension && sizes[j] > 0; l++)
            {
                centres[j * dimension + l] = (float)(sums[j * dimension + l] * weight);
            }
        }
        ArrayPool<double>.Shared.Return(pooledSums);
        ArrayPool<int>.Shared.Return(pooledSizes);
    }
}
