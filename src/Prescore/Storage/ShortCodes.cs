using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using Prescore.Kernels;

namespace Prescore.Storage;

/// <summary>
/// Rows as 16-bit whole numbers times a scale of their own. The scale of a stored row is a power of two, so that what is
/// read back is exact in fp32 and coding it again gives the same codes: rows may go through storage any number of times.
/// </summary>
internal static class ShortCodes
{
    /// <summary>Largest code of a key: products with a query's codes are summed in 32 bits.</summary>
    public const int KeyLevels = 8191;

    /// <summary>Largest code of a value.</summary>
    public const int ValueLevels = short.MaxValue;

    /// <summary>Below this power of two a row's scale does not go: what is smaller is 0 beside any other.</summary>
    private const int LeastExponent = -110;

    private const int MantissaBits = 23;

    private const int ExponentBias = 127;

    /// <summary>Largest code of a query for which no product with a key overflows.</summary>
    /// <param name="length">Coordinates.</param>
    public static int QueryLevels(int length) => Math.Min(short.MaxValue, int.MaxValue / KeyLevels / length);

    /// <summary>The largest magnitude in a row.</summary>
    public static unsafe float LargestMagnitude(ReadOnlySpan<float> row)
    {
        fixed (float* first = row)
        {
            return Kernel256.LargestMagnitude(first, row.Length);
        }
    }

    /// <summary>The smallest power of two with which all codes of a row are at most <paramref name="levels"/>, 2ⁿ − 1.</summary>
    public static float ScaleOf(ReadOnlySpan<float> row, int levels)
    {
        float largest = LargestMagnitude(row);
        // Of numbers below the normal ones, 0 among them, it is below the least.
        int leading = (int)(BitConverter.SingleToUInt32Bits(largest) >> MantissaBits) - ExponentBias;
        float scale = PowerOfTwo(Math.Max(LeastExponent, leading + 1 - (32 - int.LeadingZeroCount(levels))));
        // The largest floats would round up to 2^128: they are clamped instead.
        return largest / scale > levels && leading < ExponentBias ? 2 * scale : scale;
    }

    /// <summary>codes[i] = row[i] / scale, rounded half to even and clamped; codes beyond the row are 0.</summary>
    public static void Encode(ReadOnlySpan<float> row, float scale, int levels, Span<short> codes)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(codes.Length, row.Length);
        float perScale = scale > 0 && float.IsNormal(1 / scale) ? 1 / scale : 0;
        int i = 0;
        if (Avx512F.IsSupported)
        {
            Vector512<int> most = Vector512.Create(levels);
            ref float from = ref MemoryMarshal.GetReference(row);
            ref short to = ref MemoryMarshal.GetReference(codes);
            for (; i + 16 <= row.Length; i += 16)
            {
                Vector512<int> code = Avx512F.ConvertToVector512Int32(Vector512.LoadUnsafe(ref from, (nuint)i) * perScale);
                Avx512F.ConvertToVector256Int16(Vector512.Max(Vector512.Min(code, most), -most)).StoreUnsafe(ref to, (nuint)i);
            }
        }
        for (; i < row.Length; i++)
        {
            codes[i] = (short)Math.Clamp(MathF.Round(row[i] * perScale), -levels, levels);
        }
        codes[row.Length..].Clear();
    }

    /// <summary>row[i] = codes[i] · scale.</summary>
    public static void Decode(ReadOnlySpan<short> codes, float scale, Span<float> row)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(codes.Length, row.Length);
        int i = 0;
        if (Avx512F.IsSupported)
        {
            ref short from = ref MemoryMarshal.GetReference(codes);
            ref float to = ref MemoryMarshal.GetReference(row);
            for (; i + 16 <= row.Length; i += 16)
            {
                Vector512<int> whole = Avx512F.ConvertToVector512Int32(Vector256.LoadUnsafe(ref from, (nuint)i));
                (Vector512.ConvertToSingle(whole) * scale).StoreUnsafe(ref to, (nuint)i);
            }
        }
        for (; i < row.Length; i++)
        {
            row[i] = codes[i] * scale;
        }
    }

    /// <summary>A row as it will be read from storage.</summary>
    /// <param name="row">The row.</param>
    /// <param name="levels">Largest code.</param>
    /// <param name="rounded">Receives it.</param>
    public static void Round(ReadOnlySpan<float> row, int levels, Span<float> rounded)
    {
        float scale = ScaleOf(row, levels);
        Span<short> codes = stackalloc short[row.Length];
        Encode(row, scale, levels, codes);
        Decode(codes, scale, rounded);
    }

    private static float PowerOfTwo(int exponent) => BitConverter.Int32BitsToSingle((exponent + ExponentBias) << MantissaBits);
}
