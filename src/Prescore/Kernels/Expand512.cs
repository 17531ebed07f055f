using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Prescore.Kernels;

/// <summary>
/// Stored blocks to floats with 512-bit vectors. A block of four-bit numbers is a table of sixteen floats in one register,
/// d · q + m for q = 0 … 15, and the numbers, widened to 32 bits, are the indices of a permutation: its low four bits
/// count, so that the lower numbers of a byte need no mask.
/// </summary>
internal static unsafe class Expand512
{
    /// <summary>0 … 15.</summary>
    internal static Vector512<float> Sixteen => Vector512.Create(0f, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void F16(byte* blocks, float* values, nint count)
    {
        var from = (ushort*)blocks;
        nint i = 0;
        for (; i + 16 <= count; i += 16)
        {
            Halves(from + i).Store(values + i);
        }
        float* table = HalfTable.Values;
        for (; i < count; i++)
        {
            values[i] = table[from[i]];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void BF16(byte* blocks, float* values, nint count)
    {
        var from = (ushort*)blocks;
        nint i = 0;
        for (; i + 16 <= count; i += 16)
        {
            Upper(from + i).Store(values + i);
        }
        for (; i < count; i++)
        {
            values[i] = BitConverter.Int32BitsToSingle(from[i] << 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_0(byte* blocks, float* values, nint count)
    {
        float* halves = HalfTable.Values;
        Vector512<float> numbers = Sixteen - Vector512.Create(8f);
        for (float* end = values + count; values < end; values += 32, blocks += 18)
        {
            Nibbles(blocks + 2, numbers * Vector512.Create(halves[*(ushort*)blocks]), values, values + 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_1(byte* blocks, float* values, nint count)
    {
        float* halves = HalfTable.Values;
        Vector512<float> numbers = Sixteen;
        for (float* end = values + count; values < end; values += 32, blocks += 20)
        {
            Vector512<float> scale = Vector512.Create(halves[*(ushort*)blocks]), minimum = Vector512.Create(halves[*(ushort*)(blocks + 2)]);
            Nibbles(blocks + 4, Vector512.FusedMultiplyAdd(numbers, scale, minimum), values, values + 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q8_0(byte* blocks, float* values, nint count)
    {
        float* halves = HalfTable.Values;
        for (float* end = values + count; values < end; values += 32, blocks += 34)
        {
            Vector512<float> scale = Vector512.Create(halves[*(ushort*)blocks]);
            (Signed(blocks + 2) * scale).Store(values);
            (Signed(blocks + 18) * scale).Store(values + 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_K(byte* blocks, float* values, nint count)
    {
        float* halves = HalfTable.Values;
        float* products = stackalloc float[16];
        Vector512<float> numbers = Sixteen;
        for (float* end = values + count; values < end; blocks += 144)
        {
            SixBitScales.Expand(blocks + 4, halves[*(ushort*)blocks], halves[*(ushort*)(blocks + 2)], products);
            byte* quants = blocks + 16;
            for (int j = 0; j < 8; j += 2, quants += 32, values += 64)
            {
                Vector512<float> low = Vector512.FusedMultiplyAdd(numbers, Vector512.Create(products[j]), -Vector512.Create(products[j + 8]));
                Vector512<float> high = Vector512.FusedMultiplyAdd(numbers, Vector512.Create(products[j + 1]), -Vector512.Create(products[j + 9]));
                Vector512<int> first = Avx512F.ConvertToVector512Int32(Vector128.Load(quants)), second = Avx512F.ConvertToVector512Int32(Vector128.Load(quants + 16));
                Avx512F.PermuteVar16x32(low, first).Store(values);
                Avx512F.PermuteVar16x32(low, second).Store(values + 16);
                Avx512F.PermuteVar16x32(high, first >>> 4).Store(values + 32);
                Avx512F.PermuteVar16x32(high, second >>> 4).Store(values + 48);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q5_K(byte* blocks, float* values, nint count)
    {
        float* halves = HalfTable.Values;
        float* products = stackalloc float[16];
        byte* bytes = stackalloc byte[64];
        for (float* end = values + count; values < end; blocks += 176)
        {
            SixBitScales.Expand(blocks + 4, halves[*(ushort*)blocks], halves[*(ushort*)(blocks + 2)], products);
            Vector256<byte> fifth = Vector256.Load(blocks + 16);
            byte* quants = blocks + 48;
            for (int j = 0; j < 8; j += 2, quants += 32, values += 64)
            {
                // Bits 2j and 2j + 1 of a byte are the fifth bits of its low and high number.
                Vector256<byte> nibbles = Vector256.Load(quants);
                ((nibbles & Vector256.Create((byte)15)) | (fifth << 4 & Vector256.Create((byte)16))).Store(bytes);
                ((nibbles >>> 4) | (fifth << 3 & Vector256.Create((byte)16))).Store(bytes + 32);
                fifth >>>= 2;
                for (int half = 0; half < 2; half++)
                {
                    Vector512<float> scale = Vector512.Create(products[j + half]), minimum = -Vector512.Create(products[j + half + 8]);
                    Vector512.FusedMultiplyAdd(Unsigned(bytes + 32 * half), scale, minimum).Store(values + 32 * half);
                    Vector512.FusedMultiplyAdd(Unsigned(bytes + 32 * half + 16), scale, minimum).Store(values + 32 * half + 16);
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q6_K(byte* blocks, float* values, nint count)
    {
        float* halves = HalfTable.Values;
        float* scales = stackalloc float[16];
        byte* bytes = stackalloc byte[256];
        for (float* end = values + count; values < end; blocks += 210)
        {
            (Signed(blocks + 192) * Vector512.Create(halves[*(ushort*)(blocks + 208)])).Store(scales);
            SixBits(blocks, bytes);
            for (int i = 0; i < 16; i++, values += 16)
            {
                (Signed(bytes + 16 * i) * Vector512.Create(scales[i])).Store(values);
            }
        }
    }

    /// <summary>The 256 numbers of a block of Q6_K, less 32, as signed bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SixBits(byte* block, byte* bytes)
    {
        for (int half = 0; half < 2; half++, bytes += 128)
        {
            (Vector512<byte> first, Vector512<byte> second) = SixBits(block, half);
            (first - Vector512.Create((byte)32)).Store(bytes);
            (second - Vector512.Create((byte)32)).Store(bytes + 64);
        }
    }

    /// <summary>The 128 numbers of half a block of Q6_K, 0 … 63.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static (Vector512<byte> First, Vector512<byte> Second) SixBits(byte* block, int half)
    {
        // 16-bit shifts that bring each quarter's two upper bits to bits 4 and 5; what crosses a byte's border is masked.
        Vector512<ushort> left = Vector512.Create(Vector256.Create((ushort)4), Vector256.Create((ushort)2));
        Vector512<ushort> right = Vector512.Create(Vector256.Create((ushort)0), Vector256.Create((ushort)2));
        Vector512<byte> fifteen = Vector512.Create((byte)15), mask = Vector512.Create((byte)0x30), nibbles = Vector512.Load(block + 64 * half);
        Vector256<byte> pairs = Vector256.Load(block + 128 + 32 * half);
        Vector512<ushort> upper = Vector512.Create(pairs, pairs).AsUInt16();
        Vector512<byte> first = Avx512BW.ShiftLeftLogicalVariable(upper, left).AsByte() & mask;
        Vector512<byte> second = Avx512BW.ShiftRightLogicalVariable(upper, right).AsByte() & mask;
        return (nibbles & fifteen | first, (nibbles.AsUInt16() >>> 4).AsByte() & fifteen | second);
    }

    /// <summary>Thirty-two values of a table by the low and the high halves of sixteen bytes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Nibbles(byte* bytes, Vector512<float> table, float* low, float* high)
    {
        Vector512<int> indices = Avx512F.ConvertToVector512Int32(Vector128.Load(bytes));
        Avx512F.PermuteVar16x32(table, indices).Store(low);
        Avx512F.PermuteVar16x32(table, indices >>> 4).Store(high);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Signed(byte* bytes) => Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load((sbyte*)bytes)));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Unsigned(byte* bytes) => Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(Vector128.Load(bytes)));

    /// <summary>Sixteen floats from their upper halves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Upper(ushort* halves) => (Avx512F.ConvertToVector512Int32(Vector256.Load(halves)) << 16).AsSingle();

    /// <summary>
    /// Sixteen 16-bit floats. The exponent's bias goes from 15 to 127; what had the largest
    /// exponent (not finite) goes up as far again; numbers below the smallest normal one are made by a subtraction, for
    /// arithmetic on subnormal floats is slow.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Halves(ushort* halves)
    {
        const int Rebias = (127 - 15) << 23;
        Vector512<int> bits = Avx512F.ConvertToVector512Int32(Vector256.Load(halves));
        Vector512<int> magnitude = (bits & Vector512.Create(0x7FFF)) << 13;
        Vector512<int> shifted = magnitude + Vector512.Create(Rebias);
        Vector512<int> small = Vector512.LessThan(magnitude, Vector512.Create(1 << 23)), large = Vector512.GreaterThanOrEqual(magnitude, Vector512.Create(31 << 23));
        shifted += large & Vector512.Create(Rebias);
        Vector512<float> subnormal = (shifted + Vector512.Create(1 << 23)).AsSingle() - Vector512.Create(1f / (1 << 14));
        Vector512<int> value = Vector512.ConditionalSelect(small, subnormal.AsInt32(), shifted);
        return (value | ((bits & Vector512.Create(0x8000)) << 16)).AsSingle();
    }
}
