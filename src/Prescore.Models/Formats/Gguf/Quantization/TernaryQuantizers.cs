using System.Numerics.Tensors;

namespace Prescore.Models.Formats.Gguf.Quantization;

#pragma warning disable CA1707 // the names are ggml's own

/// <summary>
/// Rounds super-blocks of 256 values to −d, 0 or d, d their largest magnitude. Layouts: <see cref="Dequantization.TernaryBlocks"/>.
/// </summary>
internal static class TernaryQuantizers
{
    private const int Length = 256;

    /// <summary>Five digits a byte, the last four bytes four.</summary>
    public static void TQ1_0(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        const int BlockBytes = 54;
        Span<byte> digits = stackalloc byte[Length];
        for (; !values.IsEmpty; values = values[Length..], blocks = blocks[BlockBytes..])
        {
            SimpleQuantizers.WriteHalf(blocks, 52, ToDigits(values, digits));
            PackDigits(digits[..160], 5, blocks[..32]);
            PackDigits(digits[160..240], 5, blocks[32..48]);
            PackDigits(digits[240..], 4, blocks[48..52]);
        }
    }

    /// <summary>Two bits a digit.</summary>
    public static void TQ2_0(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        const int BlockBytes = 66;
        Span<byte> digits = stackalloc byte[Length];
        for (; !values.IsEmpty; values = values[Length..], blocks = blocks[BlockBytes..])
        {
            SimpleQuantizers.WriteHalf(blocks, 64, ToDigits(values, digits));
            for (int i = 0; i < 64; i++)
            {
                int first = i / 32 * 128 + i % 32;
                blocks[i] = (byte)(digits[first] | digits[first + 32] << 2 | digits[first + 64] << 4 | digits[first + 96] << 6);
            }
        }
    }

    /// <summary>Digits 0, 1, 2 for −d, 0, d; returns d.</summary>
    private static float ToDigits(ReadOnlySpan<float> values, Span<byte> digits)
    {
        float scale = MathF.Abs(TensorPrimitives.MaxMagnitude(values[..Length]));
        float inverse = scale == 0 ? 0 : 1 / scale;
        for (int i = 0; i < Length; i++)
        {
            digits[i] = (byte)(MathF.Round(values[i] * inverse, MidpointRounding.AwayFromZero) + 1);
        }
        return scale;
    }

    private static void PackDigits(ReadOnlySpan<byte> digits, int perByte, Span<byte> packed)
    {
        for (int i = 0; i < packed.Length; i++)
        {
            int number = 0;
            for (int digit = 0; digit < 5; digit++)
            {
                number = number * 3 + (digit < perByte ? digits[digit * packed.Length + i] : 0);
            }
            packed[i] = (byte)((number * 256 + 242) / 243); // in 256ths, rounded up
        }
    }
}
