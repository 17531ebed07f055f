using System.Runtime.Intrinsics;
using static Prescore.Models.Formats.Gguf.Dequantization.Lanes16;

namespace Prescore.Models.Formats.Gguf.Dequantization;

#pragma warning disable CA1707 // the names are ggml's own

/// <summary>
/// ggml's K-quants: super-blocks of 256 values whose groups of 16 or 32 have quantised scales, and in Q2_K, Q4_K and Q5_K
/// minimums, times half-precision ones of the super-block.
/// </summary>
internal static class KQuants
{
    private const int Length = 256;

    /// <summary>Scales and minimums of a Q4_K or Q5_K super-block: 16 numbers of six bits in so many bytes.</summary>
    public const int PackedScaleBytes = 12;

    /// <summary>value = d · scale · q − dmin · minimum: sixteen groups of 16, two bits a value, four bits a scale.</summary>
    public static void Q2_K(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int Quants = 16, Scales = Quants + 64, BlockBytes = Scales + 4;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            (float scale, float minimum) = (HalfAt(blocks, Scales), HalfAt(blocks, Scales + 2));
            for (int group = 0; group < 16; group++)
            {
                ScaleAndAdd(
                    TwoBits(blocks[Quants..], group).AsSByte(),
                    scale * (blocks[group] & 15),
                    -(minimum * (blocks[group] >> 4)),
                    values[(group * Count)..]);
            }
        }
    }

    /// <summary>value = d · (scale − 32) · (q − 4): sixteen groups of 16, three bits a value, the third one in a mask.</summary>
    public static void Q3_K(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int Quants = 32, Scales = Quants + 64, Scale = Scales + 12, BlockBytes = Scale + 2;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            float scale = HalfAt(blocks, Scale);
            for (int group = 0; group < 16; group++)
            {
                int low = blocks[Scales + group % 8] >> group / 8 * 4 & 15;
                int high = blocks[Scales + 8 + group % 4] >> group / 4 * 2 & 3;
                Vector128<byte> mask = Vector128.Create(blocks[(group % 2 * Count)..]) >>> group / 2 & Vector128<byte>.One;
                Vector128<byte> quants = TwoBits(blocks[Quants..], group) + (mask << 2);
                Lanes16.Scale(
                    quants.AsSByte() - Vector128.Create((sbyte)4), scale * ((low | high << 4) - 32), values[(group * Count)..]);
            }
        }
    }

    /// <summary>value = d · scale · q − dmin · minimum: eight groups of 32, four bits a value, six bits a scale.</summary>
    public static void Q4_K(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int Quants = 4 + PackedScaleBytes, BlockBytes = Quants + 128;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            (float scale, float minimum) = (HalfAt(blocks, 0), HalfAt(blocks, 2));
            for (int group = 0; group < 8; group++)
            {
                (int groupScale, int groupMinimum) = ScaleAndMinimum(blocks[4..], group);
                ReadOnlySpan<byte> packed = blocks[(Quants + group / 2 * 32)..];
                for (int half = 0; half < 2; half++)
                {
                    ScaleAndAdd(
                        FourBits(packed[(half * Count)..], group % 2).AsSByte(),
                        scale * groupScale,
                        -(minimum * groupMinimum),
                        values[(group * 32 + half * Count)..]);
                }
            }
        }
    }

    /// <summary>As <see cref="Q4_K"/>, with a fifth bit: bit i of the 32 bytes before belongs to group i.</summary>
    public static void Q5_K(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int FifthBits = 4 + PackedScaleBytes, Quants = FifthBits + 32, BlockBytes = Quants + 128;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            (float scale, float minimum) = (HalfAt(blocks, 0), HalfAt(blocks, 2));
            for (int group = 0; group < 8; group++)
            {
                (int groupScale, int groupMinimum) = ScaleAndMinimum(blocks[4..], group);
                ReadOnlySpan<byte> packed = blocks[(Quants + group / 2 * 32)..];
                for (int half = 0; half < 2; half++)
                {
                    Vector128<byte> fifth = Vector128.Create(blocks[(FifthBits + half * Count)..]) >>> group & Vector128<byte>.One;
                    ScaleAndAdd(
                        (FourBits(packed[(half * Count)..], group % 2) | fifth << 4).AsSByte(),
                        scale * groupScale,
                        -(minimum * groupMinimum),
                        values[(group * 32 + half * Count)..]);
                }
            }
        }
    }

    /// <summary>value = d · scale · (q − 32): sixteen groups of 16, six bits a value, eight bits a scale.</summary>
    public static void Q6_K(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int UpperBits = 128, Scales = UpperBits + 64, Scale = Scales + 16, BlockBytes = Scale + 2;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            float scale = HalfAt(blocks, Scale);
            for (int group = 0; group < 16; group++)
            {
                (int half, int quarter, int part) = (group / 8, group / 2 % 4, group % 2 * Count);
                Vector128<byte> low = FourBits(blocks[(half * 64 + quarter % 2 * 32 + part)..], quarter / 2);
                Vector128<byte> high = Vector128.Create(blocks[(UpperBits + half * 32 + part)..]) >>> 2 * quarter & Vector128.Create((byte)3);
                Lanes16.Scale(
                    (low | high << 4).AsSByte() - Vector128.Create((sbyte)32),
                    scale * (sbyte)blocks[Scales + group],
                    values[(group * Count)..]);
            }
        }
    }

    /// <summary>
    /// Six-bit scale and minimum of a group of 32: those of groups 0..3 are the low bits of bytes 0..3 and 4..7, those of
    /// groups 4..7 have four bits in bytes 8..11 and two in the rest of the first eight.
    /// </summary>
    private static (int Scale, int Minimum) ScaleAndMinimum(ReadOnlySpan<byte> packed, int group)
    {
        int index = group % 4;
        return group < 4
            ? (packed[index] & 63, packed[index + 4] & 63)
            : (packed[index + 8] & 15 | packed[index] >> 6 << 4, packed[index + 8] >> 4 | packed[index + 4] >> 6 << 4);
    }

    private static Vector128<byte> FourBits(ReadOnlySpan<byte> packed, int upper)
    {
        (Vector128<byte> low, Vector128<byte> high) = Nibbles(packed);
        return upper == 0 ? low : high;
    }

    /// <summary>A group of 16 two-bit values: each 32 bytes hold four times 32 values, the first in the lowest bits.</summary>
    private static Vector128<byte> TwoBits(ReadOnlySpan<byte> packed, int group) =>
        Vector128.Create(packed[(group / 8 * 32 + group % 2 * Count)..]) >>> group / 2 % 4 * 2 & Vector128.Create((byte)3);
}
