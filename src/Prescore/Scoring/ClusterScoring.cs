using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>
/// Scores from a clustering in any geometry. Sizes and costs are those of the keys that it was fitted on; terms with
/// Φ = 0 (or Φ_C = 0) are 0. Every formula is slope_C·dᵢ^p + offset_C with p = 1 or 2.
/// </summary>
internal sealed class ClusterScoring
{
    private readonly bool _squared;
    private readonly double[] _slopes;
    private readonly double[] _offsets;

    /// <summary>Prepares the coefficients.</summary>
    /// <param name="score">Formula.</param>
    /// <param name="count">Number k of clusters.</param>
    /// <param name="labels">Labels of the keys fitted on.</param>
    /// <param name="distances">Their distances to the own centre.</param>
    public ClusterScoring(ClusterScore score, int count, ReadOnlySpan<int> labels, ReadOnlySpan<float> distances)
    {
        _squared = score is ClusterScore.Sensitivity or ClusterScore.Share;
        _slopes = new double[count];
        _offsets = new double[count];
        var sizes = new int[count];
        var costs = new double[count];
        double total = 0;
        for (int i = 0; i < labels.Length; i++)
        {
            double squared = (double)distances[i] * distances[i];
            sizes[labels[i]]++;
            costs[labels[i]] += squared;
            total += squared;
        }
        for (int j = 0; j < count; j++)
        {
            // A cluster without members among the fitted keys can still be nearest to a later key; it counts as one key.
            (_slopes[j], _offsets[j]) = Coefficients(score, count, Math.Max(sizes[j], 1), costs[j], total);
        }
    }

    /// <summary>Turns distances to the own centre into scores.</summary>
    /// <param name="labels">Labels [n].</param>
    /// <param name="scores">In: distances [n]. Out: scores [n], finite.</param>
    public void FromDistances(ReadOnlySpan<int> labels, Span<float> scores)
    {
        for (int i = 0; i < scores.Length; i++)
        {
            double distance = scores[i];
            double power = _squared ? distance * distance : distance;
            scores[i] = (float)(_slopes[labels[i]] * power + _offsets[labels[i]]);
        }
        FiniteScores.Clamp(scores);
    }

    private static (double Slope, double Offset) Coefficients(ClusterScore score, int count, int size, double cost, double total) => score switch
    {
        ClusterScore.Far => (1, 0),
        ClusterScore.Near => (-1, 0),
        ClusterScore.Share => (Inverse(cost), 0),
        _ => (Inverse(total), cost * Inverse(total) / size + 1 / ((double)count * size)),
    };

    private static double Inverse(double sum) => sum > 0 ? 1 / sum : 0;
}
