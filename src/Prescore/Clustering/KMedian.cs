using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Clustering;

/// <summary>k-median: least sum of distances (not squared) to the centre, which is the geometric median of its members.</summary>
public static class KMedian
{
    /// <summary>Fits centres from given ones (a warm start).</summary>
    /// <inheritdoc cref="KMeans.Fit(in KeyMatrix, ReadOnlySpan{float}, int, Span{int}, int, SimdPath)"/>
    public static ClusterFit Fit(in KeyMatrix points, ReadOnlySpan<float> centres, int count, Span<int> labels, int maxSteps, SimdPath simd) =>
        Lloyd.FitFrom<MedianCentres>(points, centres, count, labels, maxSteps, simd);

    /// <summary>Fits centres from a k-means++ seeding.</summary>
    /// <inheritdoc cref="KMeans.Fit(in KeyMatrix, int, in RandomOrigin, Span{int}, int, SimdPath)"/>
    public static ClusterFit Fit(in KeyMatrix points, int count, in RandomOrigin origin, Span<int> labels, int maxSteps, SimdPath simd) =>
        Lloyd.FitSeeded<MedianCentres>(points, count, origin, labels, maxSteps, simd);
}
