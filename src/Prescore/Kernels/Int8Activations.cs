using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Prescore.Kernels;

/// <summary>
/// Activations as signed bytes: each block of 32 values of a row has the scale that takes its largest magnitude to 127, so
/// that a value is off by at most 1/254 of that. A block's numbers depend on nothing else, and are the same on every SIMD path.
/// A value that is not finite makes a scale that is not, and so all products with it.
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

    /// <summary>A block of smaller values becomes zero: the quotient by its largest might be infinite.</summary>
    private const float Smallest = 1e-36f;

    /// <summary>Rounds one block of up to six rows, half to even.</summary>
    /// <param name="a">The block of the first row.</param>
    /// <param name="aStride">Floats from one row to the next.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="words">Receives the numbers [8 words, 6 rows, 4], those of lacking rows untouched; readable up to eight rows of the last word.</param>
    /// <param name="factors">Receives eight scales and eight sums of the rounded values, those of lacking rows zero.</param>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Round(float* a, nint aStride, int rows, int* words, float* factors)
    {
        float* inverses = stackalloc float[Vector256<float>.Count];
        Vector256<float>.Zero.Store(inverses);
        for (int row = 0; row < rows; row++)
        {
            inverses[row] = LargestMagnitude(a + row * aStride);
        }
        Vector256<float> largest = Vector256.Load(inverses), scales = largest / Vector256.Create(Largest);
        Inverse(largest).Store(inverses);
        for (int row = 0; row < rows; row++)
        {
            Round(a + row * aStride, inverses[row], words + row);
        }
        scales.Store(factors);
        (Vector256.ConvertToSingle(Sums(words)) * scales).Store(factors + Vector256<float>.Count);
    }

    /// <summary>Replaces a row by the values that its numbers stand for.</summary>
    /// <param name="row">The row.</param>
    /// <param name="depth">Its length, whole blocks.</param>
    public static void RoundInPlace(float* row, int depth)
    {
        for (float* end = row + depth; row < end; row += BlockLength)
        {
            Vector256<float> largest = Vector256.Create(LargestMagnitude(row)), scale = largest / Vector256.Create(Largest), inverse = Inverse(largest);
            for (int i = 0; i < BlockLength; i += Vector256<float>.Count)
            {
                (Vector256.Round(Vector256.Load(row + i) * inverse) * scale).Store(row + i);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Inverse(Vector256<float> largest) =>
        Vector256.AndNot(Vector256.Create(Largest) / largest, Vector256.LessThan(largest, Vector256.Create(Smallest)));

    /// <summary>Of a block's 32 values. Compared as whole numbers, NaN is larger than all others.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float LargestMagnitude(float* values)
    {
        Vector256<int> eight = Vector256.Max(Vector256.Max(Magnitudes(values), Magnitudes(values + 8)), Vector256.Max(Magnitudes(values + 16), Magnitudes(values + 24)));
        Vector128<int> four = Vector128.Max(eight.GetLower(), eight.GetUpper());
        Vector128<int> two = Vector128.Max(four, Vector128.Shuffle(four, Vector128.Create(2, 3, 0, 1)));
        return BitConverter.Int32BitsToSingle(Vector128.Max(two, Vector128.Shuffle(two, Vector128.Create(1, 0, 3, 2))).ToScalar());
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Magnitudes(float* values) => Vector256.Abs(Vector256.Load(values)).AsInt32();

    /// <summary>A row's 32 values to every sixth word.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Round(float* values, float inverse, int* words)
    {
        const int Stride = Int8Tiles.TileRows;
        if (!Avx2.IsSupported)
        {
            for (int i = 0; i < BlockLength; i++)
            {
                ((sbyte*)(words + i / WordLength * Stride))[i % WordLength] = (sbyte)MathF.Round(values[i] * inverse);
            }
            return;
        }
        var factor = Vector256.Create(inverse);
        Vector256<int> a = Avx.ConvertToVector256Int32(Vector256.Load(values) * factor), b = Avx.ConvertToVector256Int32(Vector256.Load(values + 8) * factor);
        Vector256<int> c = Avx.ConvertToVector256Int32(Vector256.Load(values + 16) * factor), d = Avx.ConvertToVector256Int32(Vector256.Load(values + 24) * factor);
        // Packing goes by halves of 128 bits: the words of even position come first.
        Vector256<int> packed = Avx2.PackSignedSaturate(Avx2.PackSignedSaturate(a, b), Avx2.PackSignedSaturate(c, d)).AsInt32();
        Vector128<int> even = packed.GetLower(), odd = packed.GetUpper();
        words[0] = even.ToScalar();
        words[Stride] = odd.ToScalar();
        words[2 * Stride] = even.GetElement(1);
        words[3 * Stride] = odd.GetElement(1);
        words[4 * Stride] = even.GetElement(2);
        words[5 * Stride] = odd.GetElement(2);
        words[6 * Stride] = even.GetElement(3);
        words[7 * Stride] = odd.GetElement(3);
    }

    /// <summary>Sums of the rows' numbers; those beyond the sixth are arbitrary.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> Sums(int* words)
    {
        Vector256<int> sums = Vector256<int>.Zero;
        for (int word = 0; word < BlockWords; word++)
        {
            Vector256<int> numbers = Vector256.Load(words + word * Int8Tiles.TileRows);
            sums += (numbers << 24 >> 24) + (numbers << 16 >> 24) + (numbers << 8 >> 24) + (numbers >> 24);
        }
        return sums;
    }
}
