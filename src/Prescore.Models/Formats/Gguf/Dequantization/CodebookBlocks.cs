using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using static Prescore.Models.Formats.Gguf.Dequantization.Lanes16;

namespace Prescore.Models.Formats.Gguf.Dequantization;

#pragma warning disable CA1707 // the names are ggml's own

/// <summary>
/// ggml's codebook types: super-blocks of 256 values, eight (in IQ3 twice four) at a time an entry of <see cref="Codebooks"/>,
/// under a sign a value and a scale for every 16 or 32 values.
/// </summary>
internal static class CodebookBlocks
{
    private const int Length = 256;

    /// <summary>Groups of 32: four entries of eight bits, then 4 × 7 bits of signs under four bits of scale.</summary>
    public static void IQ2_XXS(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int BlockBytes = 2 + 64;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            float scale = HalfAt(blocks, 0);
            for (int group = 0; group < 8; group++)
            {
                ReadOnlySpan<byte> entries = blocks[(2 + group * 8)..];
                uint signs = MemoryMarshal.Read<uint>(entries[4..]);
                float groupScale = scale * (0.5f + (signs >> 28)) * 0.25f;
                for (int pair = 0; pair < 2; pair++, signs >>= 14)
                {
                    Write(
                        Codebooks.Iq2Xxs[entries[2 * pair]], Codebooks.Iq2Xxs[entries[2 * pair + 1]],
                        Codebooks.EvenSigns(signs & 127), Codebooks.EvenSigns(signs >> 7 & 127),
                        groupScale, values[(group * 32 + pair * Count)..]);
                }
            }
        }
    }

    /// <summary>Groups of 16: two entries of nine bits with seven bits of signs each, four bits of scale.</summary>
    public static void IQ2_XS(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int Scales = 2 + 64, BlockBytes = Scales + 8;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            float scale = HalfAt(blocks, 0);
            ReadOnlySpan<ushort> entries = MemoryMarshal.Cast<byte, ushort>(blocks[2..Scales]);
            for (int group = 0; group < 16; group++)
            {
                uint first = entries[2 * group], second = entries[2 * group + 1];
                Write(
                    Codebooks.Iq2Xs[first & 511], Codebooks.Iq2Xs[second & 511],
                    Codebooks.EvenSigns(first >> 9), Codebooks.EvenSigns(second >> 9),
                    scale * (0.5f + Nibble(blocks[Scales..], group)) * 0.25f, values[(group * Count)..]);
            }
        }
    }

    /// <summary>Groups of 16: two entries of ten bits with eight bits of signs each, four bits of scale.</summary>
    public static void IQ2_S(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int Signs = 2 + 32, UpperBits = Signs + 32, Scales = UpperBits + 8, BlockBytes = Scales + 8;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            float scale = HalfAt(blocks, 0);
            for (int group = 0; group < 16; group++)
            {
                int upper = blocks[UpperBits + group / 2] >> group % 2 * 4;
                Write(
                    Codebooks.Iq2S[blocks[2 + 2 * group] | (upper & 3) << 8],
                    Codebooks.Iq2S[blocks[3 + 2 * group] | (upper >> 2 & 3) << 8],
                    Codebooks.Signs[blocks[Signs + 2 * group]], Codebooks.Signs[blocks[Signs + 2 * group + 1]],
                    scale * (0.5f + Nibble(blocks[Scales..], group)) * 0.25f, values[(group * Count)..]);
            }
        }
    }

    /// <summary>Groups of 32: eight entries of eight bits; 4 × 7 bits of signs under four bits of scale come last.</summary>
    public static void IQ3_XXS(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int Signs = 2 + 64, BlockBytes = Signs + 32;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            float scale = HalfAt(blocks, 0);
            for (int group = 0; group < 8; group++)
            {
                ReadOnlySpan<byte> entries = blocks[(2 + group * 8)..];
                uint signs = MemoryMarshal.Read<uint>(blocks[(Signs + group * 4)..]);
                float groupScale = scale * (0.5f + (signs >> 28)) * 0.5f;
                for (int pair = 0; pair < 2; pair++, signs >>= 14, entries = entries[4..])
                {
                    Write(
                        Codebooks.Iq3Xxs[entries[0]] | Codebooks.Iq3Xxs[entries[1]] << 32,
                        Codebooks.Iq3Xxs[entries[2]] | Codebooks.Iq3Xxs[entries[3]] << 32,
                        Codebooks.EvenSigns(signs & 127), Codebooks.EvenSigns(signs >> 7 & 127),
                        groupScale, values[(group * 32 + pair * Count)..]);
                }
            }
        }
    }

    /// <summary>Groups of 32: eight entries of nine bits, eight signs for every two; the scale is an odd number.</summary>
    public static void IQ3_S(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int UpperBits = 2 + 64, Signs = UpperBits + 8, Scales = Signs + 32, BlockBytes = Scales + 4;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            float scale = HalfAt(blocks, 0);
            for (int sixteen = 0; sixteen < 16; sixteen++)
            {
                ReadOnlySpan<byte> entries = blocks[(2 + sixteen * 4)..];
                int upper = blocks[UpperBits + sixteen / 2] >> sixteen % 2 * 4;
                Write(
                    Codebooks.Iq3S[entries[0] | (upper & 1) << 8] | Codebooks.Iq3S[entries[1] | (upper & 2) << 7] << 32,
                    Codebooks.Iq3S[entries[2] | (upper & 4) << 6] | Codebooks.Iq3S[entries[3] | (upper & 8) << 5] << 32,
                    Codebooks.Signs[blocks[Signs + 2 * sixteen]], Codebooks.Signs[blocks[Signs + 2 * sixteen + 1]],
                    scale * (1 + 2 * Nibble(blocks[Scales..], sixteen / 2)), values[(sixteen * Count)..]);
            }
        }
    }

    /// <summary>Groups of 32: four entries of eleven bits, a three-bit scale, and a sign of what is added to all values: ⅛.</summary>
    public static void IQ1_S(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int UpperBits = 2 + 32, BlockBytes = UpperBits + 16;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            float scale = HalfAt(blocks, 0);
            for (int group = 0; group < 8; group++)
            {
                ReadOnlySpan<byte> entries = blocks[(2 + group * 4)..];
                int upper = MemoryMarshal.Read<ushort>(blocks[(UpperBits + group * 2)..]);
                Vector128<sbyte> shift = Vector128.Create((sbyte)(upper < 0x8000 ? 1 : -1));
                float eighth = scale * (2 * (upper >> 12 & 7) + 1) * 0.125f;
                for (int pair = 0; pair < 2; pair++, upper >>= 6, entries = entries[2..])
                {
                    ulong first = Codebooks.Iq1[entries[0] | (upper & 7) << 8], second = Codebooks.Iq1[entries[1] | (upper >> 3 & 7) << 8];
                    Scale(Vector128.Create(first, second).AsSByte() + shift, eighth, values[(group * 32 + pair * Count)..]);
                }
            }
        }
    }

    /// <summary>As <see cref="IQ1_S"/> with a scale for 16 values and a sign for eight; d lies in the scales' spare bits.</summary>
    public static void IQ1_M(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int UpperBits = 32, Scales = UpperBits + 16, BlockBytes = Scales + 8;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[Length..])
        {
            ReadOnlySpan<ushort> scales = MemoryMarshal.Cast<byte, ushort>(blocks[Scales..BlockBytes]);
            int bits = scales[0] >> 12 | scales[1] >> 12 << 4 | scales[2] >> 12 << 8 | scales[3] >> 12 << 12;
            float scale = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
            for (int group = 0; group < 16; group++)
            {
                int upper = blocks[UpperBits + group];
                ulong first = Codebooks.Iq1[blocks[2 * group] | (upper & 7) << 8], second = Codebooks.Iq1[blocks[2 * group + 1] | (upper & 0x70) << 4];
                Vector128<sbyte> shift = Vector128.Create(
                    Vector64.Create((sbyte)((upper & 8) == 0 ? 1 : -1)), Vector64.Create((sbyte)((upper & 0x80) == 0 ? 1 : -1)));
                float eighth = scale * (2 * (scales[group / 4] >> group % 4 * 3 & 7) + 1) * 0.125f;
                Scale(Vector128.Create(first, second).AsSByte() + shift, eighth, values[(group * Count)..]);
            }
        }
    }

    private static int Nibble(ReadOnlySpan<byte> packed, int index) => packed[index / 2] >> index % 2 * 4 & 15;

    private static void Write(ulong first, ulong second, ulong firstSigns, ulong secondSigns, float scale, Span<float> values) =>
        Scale(Vector128.Create(first, second).AsSByte() * Vector128.Create(firstSigns, secondSigns).AsSByte(), scale, values);
}
