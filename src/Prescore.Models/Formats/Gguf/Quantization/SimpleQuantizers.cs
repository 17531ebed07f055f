using System.Numerics.Tensors;

namespace Prescore.Models.Formats.Gguf.Quantization;

#pragma warning disable CA1707 // the names are ggml's own

/// <summary>
/// Rounds blocks of 32 values to ggml's simple types, as its reference does: the scale is chosen so that the extreme value
/// lies on a level, every value takes the nearest one. Layouts: <see cref="Dequantization.BlocksOf32"/>.
/// </summary>
internal static class SimpleQuantizers
{
    private const int Length = 32;
    private const int Half16 = Length / 2;

    /// <summary>Scale = extreme / −8: the extreme value becomes level 0 of 0..15.</summary>
    public static void Q4_0(ReadOnlySpan<float> values, Span<byte> blocks) => AroundExtreme(values, blocks, levels: 16);

    /// <summary>Scale = extreme / −16: the extreme value becomes level 0 of 0..31.</summary>
    public static void Q5_0(ReadOnlySpan<float> values, Span<byte> blocks) => AroundExtreme(values, blocks, levels: 32);

    /// <summary>Sixteen levels from the least value to the largest.</summary>
    public static void Q4_1(ReadOnlySpan<float> values, Span<byte> blocks) => BetweenExtremes(values, blocks, levels: 16);

    /// <summary>Thirty-two levels from the least value to the largest.</summary>
    public static void Q5_1(ReadOnlySpan<float> values, Span<byte> blocks) => BetweenExtremes(values, blocks, levels: 32);

    /// <summary>Scale = largest magnitude / 127.</summary>
    public static void Q8_0(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        for (; !values.IsEmpty; values = values[Length..], blocks = blocks[(2 + Length)..])
        {
            float scale = TensorPrimitives.MaxMagnitude(values[..Length]) is var extreme ? MathF.Abs(extreme) / 127 : 0;
            float inverse = scale == 0 ? 0 : 1 / scale;
            WriteHalf(blocks, 0, scale);
            for (int i = 0; i < Length; i++)
            {
                blocks[2 + i] = (byte)(sbyte)MathF.Round(values[i] * inverse, MidpointRounding.AwayFromZero);
            }
        }
    }

    /// <summary>Writes a half-precision number into a block.</summary>
    internal static void WriteHalf(Span<byte> block, int offset, float value) =>
        BitConverter.TryWriteBytes(block[offset..], (Half)value);

    private static void AroundExtreme(ReadOnlySpan<float> values, Span<byte> blocks, int levels)
    {
        Span<byte> quants = stackalloc byte[Length];
        int blockBytes = 2 + (levels == 32 ? 4 : 0) + Half16;
        for (; !values.IsEmpty; values = values[Length..], blocks = blocks[blockBytes..])
        {
            float extreme = values[TensorPrimitives.IndexOfMaxMagnitude(values[..Length])];
            float scale = extreme / -(levels / 2);
            float inverse = scale == 0 ? 0 : 1 / scale;
            for (int i = 0; i < Length; i++)
            {
                quants[i] = Level(values[i] * inverse + (levels / 2 + 0.5f), levels);
            }
            WriteHalf(blocks, 0, scale);
            Pack(quants, blocks[2..blockBytes]);
        }
    }

    private static void BetweenExtremes(ReadOnlySpan<float> values, Span<byte> blocks, int levels)
    {
        Span<byte> quants = stackalloc byte[Length];
        int blockBytes = 4 + (levels == 32 ? 4 : 0) + Half16;
        for (; !values.IsEmpty; values = values[Length..], blocks = blocks[blockBytes..])
        {
            float minimum = TensorPrimitives.Min(values[..Length]);
            float scale = (TensorPrimitives.Max(values[..Length]) - minimum) / (levels - 1);
            float inverse = scale == 0 ? 0 : 1 / scale;
            for (int i = 0; i < Length; i++)
            {
                quants[i] = Level((values[i] - minimum) * inverse + 0.5f, levels);
            }
            WriteHalf(blocks, 0, scale);
            WriteHalf(blocks, 2, minimum);
            Pack(quants, blocks[4..blockBytes]);
        }
    }

    private static byte Level(float value, int levels) => (byte)Math.Clamp((int)value, 0, levels - 1);

    /// <summary>Fifth bits, where there is room for them, then two four-bit values a byte.</summary>
    private static void Pack(ReadOnlySpan<byte> quants, Span<byte> packed)
    {
        Span<byte> pairs = packed[^Half16..];
        Span<byte> fifthBits = packed[..^Half16];
        fifthBits.Clear();
        for (int i = 0; i < Half16; i++)
        {
            pairs[i] = (byte)(quants[i] & 15 | quants[i + Half16] << 4);
        }
        for (int i = 0; i < 8 * fifthBits.Length; i++)
        {
            fifthBits[i / 8] |= (byte)(quants[i] >> 4 << i % 8);
        }
    }
}
