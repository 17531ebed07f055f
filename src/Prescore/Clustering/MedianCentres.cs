using System.Buffers;
using Prescore.Numerics;

namespace Prescore.Clustering;

/// <summary>The centre of a cluster is its geometric median: k-median. Each search starts from the centre before.</summary>
internal readonly struct MedianCentres : ICentreRule
{
    /// <summary>Relative to the spread of the members: well below what single-precision assignment resolves.</summary>
    private const double Tolerance = 1e-6;

    public static void Move(in KeyMatrix points, ReadOnlySpan<int> labels, int count, Span<float> centres)
    {
        int dimension = points.Dimension;
        int[] members = ArrayPool<int>.Shared.Rent(points.Count);
        double[] pooled = ArrayPool<double>.Shared.Rent(dimension);
        Span<double> median = pooled.AsSpan(0, dimension);
        for (int j = 0; j < count; j++)
        {
            int size = 0;
            for (int i = 0; i < points.Count; i++)
            {
                members[size] = i;
                size += labels[i] == j ? 1 : 0;
            }
            if (size == 0)
            {
                continue;
            }
            Span<float> centre = centres.Slice(j * dimension, dimension);
            for (int l = 0; l < dimension; l++)
            {
                median[l] = centre[l];
            }
            GeometricMedian.Find(points, members.AsSpan(0, size), median, Tolerance, maxSteps: 64);
            for (int l = 0; l < dimension; l++)
            {
                centre[l] = (float)median[l];
            }
        }
        ArrayPool<int>.Shared.Return(members);
        ArrayPool<double>.Shared.Return(pooled);
    }
}
