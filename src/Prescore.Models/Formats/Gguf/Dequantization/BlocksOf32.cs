using System.Runtime.Intrinsics;
using static Prescore.Models.Formats.Gguf.Dequantization.Lanes16;

namespace Prescore.Models.Formats.Gguf.Dequantization;

#pragma warning disable CA1707 // the names are ggml's own

/// <summary>
/// ggml's simple quantised types: 32 values a block, a half-precision scale d first and, in the <c>_1</c> types, a
/// half-precision minimum m. Four bits of each value lie in 16 bytes: the low halves are values 0..15, the high halves
/// 16..31. A fifth bit of value i is bit i of a 32-bit number before them.
/// </summary>
internal static class BlocksOf32
{
    private const int Length = 32;

    private static readonly Vector128<byte> BitOfByte = Vector128.Create((byte)1, 2, 4, 8, 16, 32, 64, 128, 1, 2, 4, 8, 16, 32, 64, 128);

    /// <summary>value = d · (q − 8).</summary>
    public static void Q4_0(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int BlockBytes = 2 + Count;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            float scale = HalfAt(blocks, 0);
            (Vector128<byte> low, Vector128<byte> high) = Nibbles(blocks[2..]);
            Scale(low.AsSByte() - Vector128.Create((sbyte)8), scale, values);
            Scale(high.AsSByte() - Vector128.Create((sbyte)8), scale, values[Count..]);
        }
    }

    /// <summary>value = d · q + m.</summary>
    public static void Q4_1(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int BlockBytes = 4 + Count;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            (float scale, float minimum) = (HalfAt(blocks, 0), HalfAt(blocks, 2));
            (Vector128<byte> low, Vector128<byte> high) = Nibbles(blocks[4..]);
            ScaleAndAdd(low.AsSByte(), scale, minimum, values);
            ScaleAndAdd(high.AsSByte(), scale, minimum, values[Count..]);
        }
    }

    /// <summary>value = d · (q − 16), q of five bits.</summary>
    public static void Q5_0(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int BlockBytes = 6 + Count;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            float scale = HalfAt(blocks, 0);
            (Vector128<byte> low, Vector128<byte> high) = FiveBits(blocks[2..]);
            Scale(low.AsSByte() - Vector128.Create((sbyte)16), scale, values);
            Scale(high.AsSByte() - Vector128.Create((sbyte)16), scale, values[Count..]);
        }
    }

    /// <summary>value = d · q + m, q of five bits.</summary>
    public static void Q5_1(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int BlockBytes = 8 + Count;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            (float scale, float minimum) = (HalfAt(blocks, 0), HalfAt(blocks, 2));
            (Vector128<byte> low, Vector128<byte> high) = FiveBits(blocks[4..]);
            ScaleAndAdd(low.AsSByte(), scale, minimum, values);
            ScaleAndAdd(high.AsSByte(), scale, minimum, values[Count..]);
        }
    }

    /// <summary>value = d · q, q a signed byte.</summary>
    public static void Q8_0(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int BlockBytes = 2 + Length;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            float scale = HalfAt(blocks, 0);
            Scale(Vector128.Create(blocks[2..]).AsSByte(), scale, values);
            Scale(Vector128.Create(blocks[(2 + Count)..]).AsSByte(), scale, values[Count..]);
        }
    }

    /// <summary>Four bytes of fifth bits, then sixteen of four-bit pairs.</summary>
    private static (Vector128<byte> Low, Vector128<byte> High) FiveBits(ReadOnlySpan<byte> packed)
    {
        (Vector128<byte> low, Vector128<byte> high) = Nibbles(packed[4..]);
        return (low | FifthBits(packed[0], packed[1]), high | FifthBits(packed[2], packed[3]));
    }

    /// <summary>16 where the value's bit is set.</summary>
    private static Vector128<byte> FifthBits(byte first, byte second)
    {
        Vector128<byte> spread = Vector128.Create(Vector64.Create(first), Vector64.Create(second));
        return ~Vector128.Equals(spread & BitOfByte, Vector128<byte>.Zero) & Vector128.Create((byte)16);
    }
}
