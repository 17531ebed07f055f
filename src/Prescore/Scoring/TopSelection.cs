using System.Numerics;
using System.Runtime.InteropServices;

namespace Prescore.Scoring;

/// <summary>Chooses the keys to keep from their scores.</summary>
public static class TopSelection
{
    /// <summary>Scores whose coefficient of variation is below this say nothing about which key matters.</summary>
    public const double FlatVariation = 1e-3;

    private const int HighShift = 21;
    private const int MiddleShift = 10;
    private const int Buckets = 1 << 11;

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
            Take(scores, Threshold(scores, taken, out int ties), ties, selected[..taken]);
        }
        return new SelectionResult(taken, flat);
    }

    /// <summary>Whether standard deviation ÷ |mean| is below <see cref="FlatVariation"/>, in double precision.</summary>
    private static bool IsFlat(ReadOnlySpan<float> scores)
    {
        (double sum, _) = Sums(scores, 0);
        if (!double.IsFinite(sum))
        {
            throw new ArgumentException("a score is not finite", nameof(scores));
        }
        double mean = sum / scores.Length;
        (_, double squares) = Sums(scores, mean);
        return Math.Sqrt(squares / scores.Length) < FlatVariation * Math.Abs(mean) || squares == 0;
    }

    /// <summary>Sum of the scores less a centre, and of the squares of that.</summary>
    private static (double Sum, double Squares) Sums(ReadOnlySpan<float> scores, double centre)
    {
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(scores);
        var middle = new Vector<double>(centre);
        Vector<double> sum0 = default, sum1 = default, squares0 = default, squares1 = default;
        foreach (Vector<float> vector in vectors)
        {
            Vector.Widen(vector, out Vector<double> low, out Vector<double> high);
            low -= middle;
            high -= middle;
            sum0 += low;
            sum1 += high;
            squares0 += low * low;
            squares1 += high * high;
        }
        double sum = Vector.Sum(sum0 + sum1);
        double squares = Vector.Sum(squares0 + squares1);
        foreach (float score in scores[(vectors.Length * Vector<float>.Count)..])
        {
            sum += score - centre;
            squares += (score - centre) * (score - centre);
        }
        return (sum, squares);
    }

    /// <summary>
    /// The order key of the <paramref name="count"/>-th highest score and how many scores equal to it are wanted: a
    /// radix selection over three digits of the order key, highest digit first.
    /// </summary>
    private static uint Threshold(ReadOnlySpan<float> scores, int count, out int ties)
    {
        Span<int> histogram = stackalloc int[Buckets];
        histogram.Clear();
        foreach (float score in scores)
        {
            histogram[(int)(OrderKey(score) >> HighShift)]++;
        }
        ties = count;
        uint prefix = HighestBucket(histogram, ref ties);
        prefix = NextDigit(scores, histogram, prefix, HighShift, MiddleShift, ref ties);
        return NextDigit(scores, histogram, prefix, MiddleShift, 0, ref ties);
    }

    /// <summary>Extends a known prefix (the bits from <paramref name="known"/> up) down to bit <paramref name="shift"/>.</summary>
    private static uint NextDigit(ReadOnlySpan<float> scores, Span<int> histogram, uint prefix, int known, int shift, ref int rank)
    {
        histogram.Clear();
        uint mask = (1u << (known - shift)) - 1;
        foreach (float score in scores)
        {
            uint key = OrderKey(score);
            if (key >> known == prefix)
            {
                histogram[(int)((key >> shift) & mask)]++;
            }
        }
        return (prefix << (known - shift)) | HighestBucket(histogram, ref rank);
    }

    /// <summary>The bucket in which the <paramref name="rank"/>-th highest lies; its rank inside it is left in <paramref name="rank"/>.</summary>
    private static uint HighestBucket(ReadOnlySpan<int> histogram, ref int rank)
    {
        int bucket = histogram.Length - 1;
        while (histogram[bucket] < rank)
        {
            rank -= histogram[bucket--];
        }
        return (uint)bucket;
    }

    private static void Take(ReadOnlySpan<float> scores, uint threshold, int ties, Span<int> selected)
    {
        int taken = 0;
        for (int i = 0; taken < selected.Length; i++)
        {
            uint key = OrderKey(scores[i]);
            bool tie = key == threshold && ties > 0;
            ties -= tie ? 1 : 0;
            selected[taken] = i;
            taken += key > threshold || tie ? 1 : 0;
        }
    }

    /// <summary>An unsigned number in the order of the score; −0 equals 0.</summary>
    private static uint OrderKey(float score)
    {
        int bits = BitConverter.SingleToInt32Bits(score + 0f);
        return (uint)(bits ^ ((bits >> 31) | int.MinValue));
    }
}
