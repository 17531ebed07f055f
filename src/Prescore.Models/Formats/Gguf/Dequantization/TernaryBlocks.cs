using System.Runtime.Intrinsics;
using static Prescore.Models.Formats.Gguf.Dequantization.Lanes16;

namespace Prescore.Models.Formats.Gguf.Dequantization;

#pragma warning disable CA1707 // the names are ggml's own

/// <summary>ggml's ternary types: 256 values −d, 0 or d, the half-precision d last.</summary>
internal static class TernaryBlocks
{
    /// <summary>
    /// Five ternary digits a byte (four in the last four bytes), most significant first: the byte is the number they make
    /// over 243, in 256ths rounded up, so digit n is what the byte times 3ⁿ, without its carry, has in thirds of 256.
    /// </summary>
    public static void TQ1_0(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int Scale = 52, BlockBytes = Scale + 2;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[256..])
        {
            float scale = HalfAt(blocks, Scale);
            Span<float> output = values[..256];
            output = Digits(blocks[..32], 5, scale, output);
            output = Digits(blocks[32..48], 5, scale, output);
            Digits(blocks[48..52], 4, scale, output);
        }
    }

    /// <summary>Two bits a value: each 32 bytes hold four times 32 values, the first in the lowest bits.</summary>
    public static void TQ2_0(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int ScaleOffset = 64, BlockBytes = ScaleOffset + 2;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[256..])
        {
            float scale = HalfAt(blocks, ScaleOffset);
            for (int group = 0; group < 16; group++)
            {
                Vector128<byte> bytes = Vector128.Create(blocks[(group / 8 * 32 + group % 2 * Count)..]);
                Vector128<byte> quants = bytes >>> group / 2 % 4 * 2 & Vector128.Create((byte)3);
                Scale(quants.AsSByte() - Vector128<sbyte>.One, scale, values[(group * Count)..]);
            }
        }
    }

    /// <summary>Writes the first digit of all bytes, then the second, and so on; returns what is left of the output.</summary>
    private static Span<float> Digits(ReadOnlySpan<byte> bytes, int digits, float scale, Span<float> output)
    {
        byte power = 1;
        for (int digit = 0; digit < digits; digit++, power *= 3)
        {
            for (int i = 0; i < bytes.Length; i++)
            {
                output[i] = scale * (((byte)(bytes[i] * power) * 3 >> 8) - 1);
            }
            output = output[bytes.Length..];
        }
        return output;
    }
}
