using System.Numerics;
using System.Runtime.InteropServices;
using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>Chooses the keys to keep from their scores.</summary>
public static class TopSelection
{
    /// <summary>Scores whose coefficient of variation is below this say nothing about which key matters.</summary>
    public const double FlatVariation = 1e-3;

    /// <summary>
    /// Selects the <paramref name="count"/> highest scores, ties to the lower index. Where the scores are flat
    /// (coefficient of variation below <see cref="FlatVariation"/>) it takes evenly spaced keys instead. Linear time
    /// in the worst case, no allocation.
    /// </summary>
    /// <param name="scores">Scores [n], all finite.</param>
    /// <param name="count">How many to select (s), at least 0; n or more selects all.</param>
    /// <param name="selected">Receives min(s, n) indices in ascending order.</param>
    /// <exception cref="ArgumentException">A score is not finite, or <paramref name="selected"/> is too short.</exception>
    public static SelectionResult Select(ReadOnlySpan<float> scores, int count, Span<int> selected)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        int taken = Math.Min(count, scores.Length);
        if (selected.Length < taken)
        {
            throw new ArgumentException($"{taken} indices do not fit into {selected.Length}", nameof(selected));
        }
        bool all = taken == scores.Length;
        bool flat = !all && IsFlat(scores);
        if (all || flat)
        {
            for (int i = 0; i < taken; i++)
            {
                selected[i] = EvenSpacing.Index(i, taken, scores.Length);
            }
        }
        else if (taken > 0)
        {
            TopIndices.Select(scores, selected[..taken]);
        }
        return new SelectionResult(taken, flat);
    }

    /// <summary>Whether standard deviation ÷ |mean| is below <see cref="FlatVariation"/>, in double precision.</summary>
    private static bool IsFlat(ReadOnlySpan<float> scores)
    {
        // Sums of differences from one of the scores do not cancel where all scores are alike.
        double origin = scores[0];
        (double sum, double squares) = Sums(scores, origin);
        if (!double.IsFinite(sum))
        {
            throw new ArgumentException("a score is not finite", nameof(scores));
        }
        double shift = sum / scores.Length;
        double variance = Math.Max(0, squares / scores.Length - shift * shift);
        return variance == 0 || Math.Sqrt(variance) < FlatVariation * Math.Abs(origin + shift);
    }

    /// <summary>Sum of the scores less an origin, and of the squares of that.</summary>
    private static (double Sum, double Squares) Sums(ReadOnlySpan<float> scores, double origin)
    {
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(scores);
        var subtrahend = new Vector<double>(origin);
        Vector<double> sum0 = default, sum1 = default, squares0 = default, squares1 = default;
        foreach (Vector<float> vector in vectors)
        {
            Vector.Widen(vector, out Vector<double> low, out Vector<double> high);
            low -= subtrahend;
            high -= subtrahend;
            sum0 += low;
            sum1 += high;
            squares0 += low * low;
            squares1 += high * high;
        }
        double sum = Vector.Sum(sum0 + sum1);
        double squares = Vector.Sum(squares0 + squares1);
        foreach (float score in scores[(vectors.Length * Vector<float>.Count)..])
        {
            sum += score - origin;
            squares += (score - origin) * (score - origin);
        }
        return (sum, squares);
    }
}
