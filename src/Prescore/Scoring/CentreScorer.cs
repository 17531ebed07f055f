using System.Buffers;
using Prescore.Clustering;
using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>Scores by the distance to the nearest of fitted Euclidean centres: what k-means and k-median share.</summary>
internal sealed class CentreScorer : IFittedScorer
{
    private readonly CentreSet _centres;
    private readonly ClusterScoring _scoring;

    /// <summary>Takes a fit and the keys and labels it came from.</summary>
    public CentreScorer(ClusterFit fit, ClusterScore score, in KeyMatrix keys, ReadOnlySpan<int> labels)
    {
        _centres = fit.Centres;
        IndexProducts = fit.Products;
        float[] distances = ArrayPool<float>.Shared.Rent(keys.Count);
        _centres.Distances(keys, labels, distances);
        _scoring = new ClusterScoring(score, _centres.Count, labels, distances.AsSpan(0, keys.Count));
        ArrayPool<float>.Shared.Return(distances);
    }

    public long IndexProducts { get; private set; }

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
