using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Clustering;

/// <summary>Euclidean k-means: least sum of squared distances to the centre, which is the mean of its members.</summary>
public static class KMeans
{
    /// <summary>Fits centres from given ones (a warm start).</summary>
    /// <param name="points">Points [n, d], n ≥ 1; may be a subsample of those to be assigned later.</param>
    /// <param name="centres">Centres [k, d] to start from, dense.</param>
    /// <param name="count">Number k of centres, at least 1.</param>
    /// <param name="labels">Receives the label of every point, [n].</param>
    /// <param name="maxSteps">Most steps (move, assign); 0 assigns alone.</param>
    /// <param name="simd">SIMD path.</param>
    public static ClusterFit Fit(in KeyMatrix points, ReadOnlySpan<float> centres, int count, Span<int> labels, int maxSteps, SimdPath simd) =>
        Lloyd.FitFrom<MeanCentres>(points, centres, count, labels, maxSteps, simd);

    /// <summary>Fits centres from a k-means++ seeding.</summary>
    /// <param name="points">Points [n, d], n ≥ 1.</param>
    /// <param name="count">Number of centres wanted, 1 … n; there are fewer where fewer points differ.</param>
    /// <param name="origin">Where the random numbers are counted from.</param>
    /// <param name="labels">Receives the label of every point, [n].</param>
    /// <param name="maxSteps">Most steps (move, assign).</param>
    /// <param name="simd">SIMD path.</param>
    public static ClusterFit Fit(in KeyMatrix points, int count, in RandomOrigin origin, Span<int> labels, int maxSteps, SimdPath simd) =>
        Lloyd.FitSeeded<MeanCentres>(points, count, origin, labels, maxSteps, simd);
}
