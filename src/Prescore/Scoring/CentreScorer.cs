using System.Buffers;
using Prescore.Clustering;
using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>
/// Scores from a clustering with k-means++ seeding and centres in the keys' own space: k-means, or k-median, whose centres
/// (geometric medians) outliers do not pull away.
/// </summary>
/// <param name="name">Name in the registry.</param>
/// <param name="score">Formula.</param>
/// <param name="fit">The clustering: <see cref="KMeans"/> or <see cref="KMedian"/>.</param>
public sealed class CentreScorer(string name, ClusterScore score, CentreFit fit) : IKeyScorer
{
    /// <summary>On real keys the cost is then within 3 % of the converged one, less than what another seed changes.</summary>
    private const int MaxSteps = 2;

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public IFittedScorer Fit(in KeyMatrix keys, in ScoringContext context)
    {
        int[] pooled = ArrayPool<int>.Shared.Rent(keys.Count);
        Span<int> labels = pooled.AsSpan(0, keys.Count);
        ClusterFit clusters = fit(keys, ClusterCount.For(keys, context), context.Origin, labels, MaxSteps, context.Simd);
        var fitted = new Fitted(clusters, score, keys, labels);
        ArrayPool<int>.Shared.Return(pooled);
        return fitted;
    }

    /// <summary>Scores by the distance to the nearest centre.</summary>
    private sealed class Fitted : IFittedScorer
    {
        private readonly CentreSet _centres;
        private readonly ClusterScoring _scoring;

        /// <summary>Takes over a fit, and reads the keys and labels that it came from.</summary>
        public Fitted(ClusterFit fit, ClusterScore score, in KeyMatrix keys, ReadOnlySpan<int> labels)
        {
            _centres = fit.Centres;
            IndexProducts = fit.Products;
            float[] distances = ArrayPool<float>.Shared.Rent(keys.Count);
            _centres.Distances(keys, labels, distances);
            _scoring = new ClusterScoring(score, _centres.Count, labels, distances.AsSpan(0, keys.Count));
            ArrayPool<float>.Shared.Return(distances);
        }

        public long IndexProducts { get; private set; }

        public void Dispose() => _centres.Dispose();

        public void Score(in KeyMatrix keys, int firstPosition, Span<float> scores)
        {
            int[] pooled = ArrayPool<int>.Shared.Rent(keys.Count);
            Span<int> labels = pooled.AsSpan(0, keys.Count);
            _centres.Assign(keys, labels);
            _centres.Distances(keys, labels, scores);
            _scoring.FromDistances(labels, scores[..keys.Count]);
            IndexProducts += (long)keys.Count * _centres.Count;
            ArrayPool<int>.Shared.Return(pooled);
        }
    }
}

/// <summary>A clustering of points with k-means++ seeding; see <see cref="KMeans.Fit(in KeyMatrix, int, in RandomOrigin, Span{int}, int, SimdPath)"/>.</summary>
public delegate ClusterFit CentreFit(in KeyMatrix points, int count, in RandomOrigin origin, Span<int> labels, int maxSteps, SimdPath simd);
