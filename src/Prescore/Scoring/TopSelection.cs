using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
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
            Take(scores, Threshold(scores, taken, out int ties), ties, selected[..taken]);
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

    /// <summary>
    /// The <paramref name="count"/>-th highest score and how many scores equal to it are wanted, by bisecting the order
    /// of single-precision numbers: at most 32 vectorised counts, no branch that depends on the data.
    /// </summary>
    private static float Threshold(ReadOnlySpan<float> scores, int count, out int ties)
    {
        // Invariant: at least count scores are ≥ low, fewer are ≥ high.
        long low = OrderKey(TensorPrimitives.Min(scores));
        long high = OrderKey(TensorPrimitives.Max(scores)) + 1L;
        int above = 0;
        while (high - low > 1)
        {
            long middle = low + (high - low) / 2;
            int atLeast = CountAtLeast(scores, FromOrderKey((int)middle));
            if (atLeast == count)
            {
                // All scores from here up are wanted, none has to be told apart.
                ties = count;
                return FromOrderKey((int)middle);
            }
            if (atLeast > count)
            {
                low = middle;
            }
            else
            {
                (high, above) = (middle, atLeast);
            }
        }
        ties = count - above;
        return FromOrderKey((int)low);
    }

    private static int CountAtLeast(ReadOnlySpan<float> scores, float threshold)
    {
        ReadOnlySpan<Vector<float>> vectors = MemoryMarshal.Cast<float, Vector<float>>(scores);
        var least = new Vector<float>(threshold);
        Vector<int> negative0 = default, negative1 = default;
        int i = 0;
        for (; i + 2 <= vectors.Length; i += 2)
        {
            negative0 += Vector.GreaterThanOrEqual(vectors[i], least);
            negative1 += Vector.GreaterThanOrEqual(vectors[i + 1], least);
        }
        int count = -Vector.Sum(negative0 + negative1);
        foreach (float score in scores[(i * Vector<float>.Count)..])
        {
            count += score >= threshold ? 1 : 0;
        }
        return count;
    }

    /// <summary>Indices of the scores above the threshold and of the first few equal to it.</summary>
    private static void Take(ReadOnlySpan<float> scores, float threshold, int ties, Span<int> selected)
    {
        int width = Vector256<float>.Count;
        var least = Vector256.Create(threshold);
        int taken = 0;
        int i = 0;
        for (; i + width <= scores.Length && taken < selected.Length; i += width)
        {
            uint candidates = Vector256.GreaterThanOrEqual(Vector256.Create(scores.Slice(i, width)), least).ExtractMostSignificantBits();
            for (; candidates != 0; candidates &= candidates - 1)
            {
                TakeOne(i + BitOperations.TrailingZeroCount(candidates), scores, threshold, ref ties, ref taken, selected);
            }
        }
        for (; taken < selected.Length; i++)
        {
            if (scores[i] >= threshold)
            {
                TakeOne(i, scores, threshold, ref ties, ref taken, selected);
            }
        }
    }

    /// <summary>Takes a score that is at least the threshold, unless it is one equal to it too many.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void TakeOne(int index, ReadOnlySpan<float> scores, float threshold, ref int ties, ref int taken, Span<int> selected)
    {
        if (scores[index] == threshold && ties-- <= 0)
        {
            return;
        }
        selected[taken++] = index;
    }

    /// <summary>An integer in the order of the score; −0 equals 0.</summary>
    private static int OrderKey(float score)
    {
        int bits = BitConverter.SingleToInt32Bits(score + 0f);
        return bits ^ ((bits >> 31) & int.MaxValue);
    }

    private static float FromOrderKey(int key) => BitConverter.Int32BitsToSingle(key ^ ((key >> 31) & int.MaxValue));
}
