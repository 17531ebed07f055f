using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Prescore.Numerics;

/// <summary>Indices of the largest elements of a row.</summary>
internal static class TopIndices
{
    /// <summary>
    /// Writes the indices of the largest elements, as many as <paramref name="selected"/> takes, in ascending order; ties go
    /// to the lower index. Linear time in the worst case, no allocation.
    /// </summary>
    /// <param name="scores">Elements [n], infinities among them or not; where one is NaN no order is right, and the first are taken.</param>
    /// <param name="selected">Receives the indices, n at most.</param>
    public static void Select(ReadOnlySpan<float> scores, Span<int> selected)
    {
        if (selected.IsEmpty)
        {
            return;
        }
        if (selected.Length == scores.Length || float.IsNaN(TensorPrimitives.Min(scores)))
        {
            for (int i = 0; i < selected.Length; i++)
            {
                selected[i] = i;
            }
            return;
        }
        Take(scores, Threshold(scores, selected.Length, out int ties), ties, selected);
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
