using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Prescore.Kernels;

/// <summary>Where a row plus a vector of offsets is smallest: the nearest centroid of a key.</summary>
internal static class OffsetMinimum
{
    private const int Width = 8;

    /// <summary>
    /// The index of the smallest row[j] + offsets[j], ties to the lower index; 0 where no sum is comparable. One
    /// addition an element: the same on every vector width.
    /// </summary>
    /// <param name="row">Row, at least one element.</param>
    /// <param name="offsets">As many offsets.</param>
    public static int IndexOf(ReadOnlySpan<float> row, ReadOnlySpan<float> offsets)
    {
        ReadOnlySpan<Vector256<float>> rows = MemoryMarshal.Cast<float, Vector256<float>>(row);
        ReadOnlySpan<Vector256<float>> added = MemoryMarshal.Cast<float, Vector256<float>>(offsets)[..rows.Length];
        Vector256<float> least = Vector256.Create(float.PositiveInfinity);
        Vector256<int> leastAt = Vector256<int>.Zero;
        Vector256<int> at = Vector256.Create(0, 1, 2, 3, 4, 5, 6, 7);
        for (int block = 0; block < rows.Length; block++)
        {
            Vector256<float> sum = rows[block] + added[block];
            Vector256<float> less = Vector256.LessThan(sum, least);
            least = Vector256.ConditionalSelect(less, sum, least);
            leastAt = Vector256.ConditionalSelect(less.AsInt32(), at, leastAt);
            at += Vector256.Create(Width);
        }
        // The lowest index among the lanes that hold the minimum: no branch, which random labels would mispredict.
        float minimum = AcrossLanes(least);
        Vector256<int> holds = Vector256.Equals(least, Vector256.Create(minimum)).AsInt32();
        int index = AcrossLanes(Vector256.ConditionalSelect(holds, leastAt, Vector256.Create(int.MaxValue)));
        for (int j = rows.Length * Width; j < row.Length; j++)
        {
            float sum = row[j] + offsets[j];
            bool less = sum < minimum;
            minimum = less ? sum : minimum;
            index = less ? j : index;
        }
        return index;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float AcrossLanes(Vector256<float> vector)
    {
        Vector128<float> four = Vector128.MinNative(vector.GetLower(), vector.GetUpper());
        Vector128<float> two = Vector128.MinNative(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Vector128.MinNative(two, Vector128.Shuffle(two, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int AcrossLanes(Vector256<int> vector)
    {
        Vector128<int> four = Vector128.Min(vector.GetLower(), vector.GetUpper());
        Vector128<int> two = Vector128.Min(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return Vector128.Min(two, Vector128.Shuffle(two, Vector128.Create(1, 0, 3, 2))).ToScalar();
    }
}
