using System.Buffers;
using Prescore.Clustering;
using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>Scores from a k-median clustering, whose centres (geometric medians) outliers do not pull away.</summary>
/// <param name="name">Name in the registry.</param>
/// <param name="score">Formula.</param>
public sealed class KMedianScorer(string name, ClusterScore score) : IKeyScorer
{
    private const int MaxSteps = 2;

    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public IFittedScorer Fit(in KeyMatrix keys, in ScoringContext context)
    {
        int[] pooled = ArrayPool<int>.Shared.Rent(keys.Count);
        Span<int> labels = pooled.AsSpan(0, keys.Count);
        ClusterFit fit = KMedian.Fit(keys, ClusterCount.For(keys, context), context.Origin, labels, MaxSteps, context.Simd);
        var fitted = new CentreScorer(fit, score, keys, labels);
        ArrayPool<int>.Shared.Return(pooled);
        return fitted;
    }
}
