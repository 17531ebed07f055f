using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Prescore.Kernels;

/// <summary>Stored blocks to floats with 256-bit vectors: numbers are unpacked as bytes, widened and scaled.</summary>
internal static unsafe class Expand256
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void F16(byte* blocks, float* values, nint count)
    {
        // A table's loads are as fast as 256-bit arithmetic on the bits.
        var from = (ushort*)blocks;
        float* table = HalfTable.Values;
        for (nint i = 0; i < count; i++)
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
            (Vector256<uint> lower, Vector256<uint> upper) = Vector256.Widen(Vector256.Load(from + i));
            (lower << 16).AsSingle().Store(values + i);
            (upper << 16).AsSingle().Store(values + i + 8);
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
        for (float* end = values + count; values < end; values += 32, blocks += 18)
        {
            Vector256<sbyte> numbers = Nibbles(blocks + 2).AsSByte() - Vector256.Create((sbyte)8);
            Scale(numbers, Vector256.Create(halves[*(ushort*)blocks]), values);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_1(byte* blocks, float* values, nint count)
    {
        float* halves = HalfTable.Values;
        for (float* end = values + count; values < end; values += 32, blocks += 20)
        {
            Vector256<float> scale = Vector256.Create(halves[*(ushort*)blocks]), minimum = Vector256.Create(halves[*(ushort*)(blocks + 2)]);
            ScaleAndAdd(Nibbles(blocks + 4).AsSByte(), scale, minimum, values);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q8_0(byte* blocks, float* values, nint count)
    {
        float* halves = HalfTable.Values;
        for (float* end = values + count; values < end; values += 32, blocks += 34)
        {
            Scale(Vector256.Load((sbyte*)blocks + 2), Vector256.Create(halves[*(ushort*)blocks]), values);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_K(byte* blocks, float* values, nint count)
    {
        float* halves = HalfTable.Values;
        float* products = stackalloc float[16];
        for (float* end = values + count; values < end; blocks += 144)
        {
            SixBitScales.Expand(blocks + 4, halves[*(ushort*)blocks], halves[*(ushort*)(blocks + 2)], products);
            byte* quants = blocks + 16;
            for (int j = 0; j < 8; j += 2, quants += 32, values += 64)
            {
                Vector256<byte> nibbles = Vector256.Load(quants);
                SubBlock(nibbles & Vector256.Create((byte)15), products + j, values);
                SubBlock(nibbles >>> 4, products + j + 1, values + 32);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q5_K(byte* blocks, float* values, nint count)
    {
        float* halves = HalfTable.Values;
        float* products = stackalloc float[16];
        for (float* end = values + count; values < end; blocks += 176)
        {
            SixBitScales.Expand(blocks + 4, halves[*(ushort*)blocks], halves[*(ushort*)(blocks + 2)], products);
            Vector256<byte> fifth = Vector256.Load(blocks + 16);
            byte* quants = blocks + 48;
            for (int j = 0; j < 8; j += 2, quants += 32, values += 64)
            {
                // Bits 2j and 2j + 1 of a byte are the fifth bits of its low and high number.
                Vector256<byte> nibbles = Vector256.Load(quants);
                SubBlock((nibbles & Vector256.Create((byte)15)) | ((fifth << 4) & Vector256.Create((byte)16)), products + j, values);
                SubBlock((nibbles >>> 4) | ((fifth << 3) & Vector256.Create((byte)16)), products + j + 1, values + 32);
                fifth >>>= 2;
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q6_K(byte* blocks, float* values, nint count)
    {
        float* halves = HalfTable.Values;
        for (float* end = values + count; values < end; blocks += 210)
        {
            float d = halves[*(ushort*)(blocks + 208)];
            for (int half = 0; half < 2; half++, values += 128)
            {
                Vector256<byte> first = Vector256.Load(blocks + 64 * half), second = Vector256.Load(blocks + 64 * half + 32);
                Vector256<byte> pairs = Vector256.Load(blocks + 128 + 32 * half);
                var scales = (sbyte*)blocks + 192 + 8 * half;
                Vector256<byte> fifteen = Vector256.Create((byte)15), upper = Vector256.Create((byte)0x30);
                SixBits((first & fifteen) | ((pairs << 4) & upper), d, scales, values);
                SixBits((second & fifteen) | ((pairs << 2) & upper), d, scales + 2, values + 32);
                SixBits((first >>> 4) | (pairs & upper), d, scales + 4, values + 64);
                SixBits((second >>> 4) | ((pairs >>> 2) & upper), d, scales + 6, values + 96);
            }
        }
    }

    /// <summary>Sixteen bytes' low halves, then their high ones.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<byte> Nibbles(byte* bytes)
    {
        Vector128<byte> packed = Vector128.Load(bytes);
        return Vector256.Create(packed & Vector128.Create((byte)15), packed >>> 4);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SubBlock(Vector256<byte> numbers, float* products, float* values) =>
        ScaleAndAdd(numbers.AsSByte(), Vector256.Create(products[0]), -Vector256.Create(products[8]), values);

    /// <summary>Thirty-two values d · scale · (q − 32), a scale for each sixteen.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SixBits(Vector256<byte> numbers, float d, sbyte* scales, float* values)
    {
        Vector256<sbyte> signed = numbers.AsSByte() - Vector256.Create((sbyte)32);
        Vector256<float> first = Vector256.Create(d * scales[0]), second = Vector256.Create(d * scales[1]);
        (Float(signed.GetLower(), 0) * first).Store(values);
        (Float(signed.GetLower(), 8) * first).Store(values + 8);
        (Float(signed.GetUpper(), 0) * second).Store(values + 16);
        (Float(signed.GetUpper(), 8) * second).Store(values + 24);
    }

    /// <summary>Thirty-two values d · q.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale(Vector256<sbyte> numbers, Vector256<float> scale, float* values)
    {
        (Float(numbers.GetLower(), 0) * scale).Store(values);
        (Float(numbers.GetLower(), 8) * scale).Store(values + 8);
        (Float(numbers.GetUpper(), 0) * scale).Store(values + 16);
        (Float(numbers.GetUpper(), 8) * scale).Store(values + 24);
    }

    /// <summary>Thirty-two values d · q + m.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ScaleAndAdd(Vector256<sbyte> numbers, Vector256<float> scale, Vector256<float> minimum, float* values)
    {
        Vector256.FusedMultiplyAdd(Float(numbers.GetLower(), 0), scale, minimum).Store(values);
        Vector256.FusedMultiplyAdd(Float(numbers.GetLower(), 8), scale, minimum).Store(values + 8);
        Vector256.FusedMultiplyAdd(Float(numbers.GetUpper(), 0), scale, minimum).Store(values + 16);
        Vector256.FusedMultiplyAdd(Float(numbers.GetUpper(), 8), scale, minimum).Store(values + 24);
    }

    /// <summary>Eight of sixteen bytes, from <paramref name="first"/> (0 or 8) on, as floats.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Float(Vector128<sbyte> numbers, [ConstantExpected] int first)
    {
        Vector128<short> widened = first == 0 ? Vector128.WidenLower(numbers) : Vector128.WidenUpper(numbers);
        return Vector256.ConvertToSingle(Vector256.Create(Vector128.WidenLower(widened), Vector128.WidenUpper(widened)));
    }
}
