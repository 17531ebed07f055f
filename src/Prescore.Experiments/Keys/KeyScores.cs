using Prescore.Kernels;
using Prescore.Scoring;

namespace Prescore.Experiments.Keys;

/// <summary>Scores of all keys of a layer and the best of them, head by head.</summary>
public sealed class KeyScores
{
    private readonly float[] _scores;
    private readonly int[] _top;
    private readonly bool[] _flat;

    private KeyScores(float[] scores, int[] top, bool[] flat)
    {
        (_scores, _top, _flat) = (scores, top, flat);
    }

    /// <summary>Scores [heads, n].</summary>
    public ReadOnlyMemory<float> AllScores => _scores;

    /// <summary>The best keys [heads, s], best first, ties to the lower index.</summary>
    public ReadOnlyMemory<int> AllTop => _top;

    /// <summary>How many best keys a head has (s).</summary>
    public int TopCount => _top.Length / _flat.Length;

    /// <summary>Scores every head by itself.</summary>
    /// <param name="keys">The keys.</param>
    /// <param name="scorer">The scorer.</param>
    /// <param name="topCount">How many best keys to select (s), 1..n.</param>
    /// <param name="seed">Seed of the scorer.</param>
    /// <param name="cancellationToken">Stops the work between heads.</param>
    public static KeyScores Of(KeyHeads keys, IKeyScorer scorer, int topCount, ulong seed, CancellationToken cancellationToken)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(topCount, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(topCount, keys.Count);
        var scores = new float[keys.Heads * keys.Count];
        var top = new int[keys.Heads * topCount];
        var flat = new bool[keys.Heads];
        for (int head = 0; head < keys.Heads; head++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var context = new ScoringContext(seed, layer: 0, head, firstPosition: 0, topCount, SimdPaths.Best);
            int start = head * keys.Count;
            using IFittedScorer fitted = scorer.Fit(keys[head], context);
            fitted.Score(keys[head], 0, scores.AsSpan(start, keys.Count));
            Span<int> best = top.AsSpan(head * topCount, topCount);
            flat[head] = TopSelection.Select(scores.AsSpan(start, keys.Count), topCount, best).Flat;
            // The selection is in ascending order, and the sort by score is made stable by the index.
            best.Sort((a, b) => scores[start + a] != scores[start + b] ? scores[start + b].CompareTo(scores[start + a]) : a.CompareTo(b));
        }
        return new KeyScores(scores, top, flat);
    }

    /// <summary>The best keys of one head, best first.</summary>
    public ReadOnlySpan<int> Top(int head) => _top.AsSpan(head * TopCount, TopCount);

    /// <summary>What the scores of one head look like.</summary>
    public ScoreSummary Summary(int head)
    {
        int count = _scores.Length / _flat.Length;
        ReadOnlySpan<float> scores = _scores.AsSpan(head * count, count);
        double mean = 0;
        (double least, double greatest) = (double.MaxValue, double.MinValue);
        foreach (float score in scores)
        {
            mean += score / (double)count;
            (least, greatest) = (Math.Min(least, score), Math.Max(greatest, score));
        }
        double variance = 0;
        foreach (float score in scores)
        {
            variance += (score - mean) * (score - mean) / count;
        }
        double variation = variance == 0 ? 0 : Math.Sqrt(variance) / Math.Abs(mean);
        return new ScoreSummary(least, mean, greatest, variation, _flat[head]);
    }
}

/// <summary>What the scores of one head look like.</summary>
/// <param name="Least">Lowest score.</param>
/// <param name="Mean">Mean score.</param>
/// <param name="Greatest">Highest score.</param>
/// <param name="Variation">Coefficient of variation: standard deviation ÷ |mean|.</param>
/// <param name="IsFlat">Whether the selection found the scores flat and took evenly spaced keys.</param>
public readonly record struct ScoreSummary(double Least, double Mean, double Greatest, double Variation, bool IsFlat);
