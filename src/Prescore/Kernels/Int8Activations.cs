using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Prescore.Kernels;

/// <summary>
/// Activations as signed bytes: each block of 32 values of a row has the scale that takes its largest magnitude to 127, so
/// that a value is off by at most 1/254 of that. A block's numbers depend on nothing else, and are the same on every SIMD path.
/// </summary>
internal static unsafe class Int8Activations
{
    /// <summary>Values that share a scale.</summary>
    public const int BlockLength = 32;

    /// <summary>Numbers that lie side by side wherever products read them: a 32-bit word.</summary>
    public const int WordLength = 4;

    /// <summary>Words of a block.</summary>
    public const int BlockWords = BlockLength / WordLength;

    private const float Largest = sbyte.MaxValue;

    private const float Smallest = 1e-36f;

    /// <summary>Rounds one block, half to even. A value that is not finite makes a scale that is not.</summary>
    /// <param name="values">32 values.</param>
    /// <param name="numbers">Receives 32 numbers, −127 … 127.</param>
    /// <returns>The scale, and the sum of the rounded values.</returns>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static (float Scale, float Sum) Round(float* values, sbyte* numbers)
    {
        Vector256<float> a = Vector256.Load(values), b = Vector256.Load(values + 8), c = Vector256.Load(values + 16), d = Vector256.Load(values + 24);
        float largest = LargestMagnitude(a, b, c, d);
        float scale = largest / Largest;
        // Of a block smaller than that the quotient would be infinite; such blocks become zero.
        var inverse = Vector256.Create(largest < Smallest ? 0 : Largest / largest);
        Vector256<int> i = Round(a * inverse), j = Round(b * inverse), k = Round(c * inverse), l = Round(d * inverse);
        Vector256.Narrow(Vector256.Narrow(i, j), Vector256.Narrow(k, l)).Store(numbers);
        return (scale, scale * Vector256.Sum((i + j) + (k + l)));
    }

    /// <summary>Replaces a row by the values that its numbers stand for.</summary>
    /// <param name="row">The row.</param>
    /// <param name="depth">Its length, whole blocks.</param>
    public static void RoundInPlace(float* row, int depth)
    {
        sbyte* numbers = stackalloc sbyte[BlockLength];
        for (float* end = row + depth; row < end; row += BlockLength)
        {
            float scale = Round(row, numbers).Scale;
            for (int i = 0; i < BlockLength; i++)
            {
                row[i] = numbers[i] * scale;
            }
        }
    }

    /// <summary>Compared as whole numbers, NaN is larger than all others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float LargestMagnitude(Vector256<float> a, Vector256<float> b, Vector256<float> c, Vector256<float> d)
    {
        Vector256<int> eight = Vector256.Max(
            Vector256.Max(Vector256.Abs(a).AsInt32(), Vector256.Abs(b).AsInt32()), Vector256.Max(Vector256.Abs(c).AsInt32(), Vector256.Abs(d).AsInt32()));
        Vector128<int> four = Vector128.Max(eight.GetLower(), eight.GetUpper());
        Vector128<int> two = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return BitConverter.Int32BitsToSingle(Vector128.Max(two, Vector128.Shuffle(two, Vector128.Create(1, 0, 3, 2))).ToScalar());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Round(Vector256<float> values) => Vector256.ConvertToInt32Native(Vector256.Round(values));
}
