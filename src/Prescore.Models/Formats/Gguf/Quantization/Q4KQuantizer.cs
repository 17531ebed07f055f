using System.Numerics.Tensors;

namespace Prescore.Models.Formats.Gguf.Quantization;

#pragma warning disable CA1707 // the names are ggml's own

/// <summary>
/// Rounds super-blocks of 256 values to Q4_K. Each group of 32 spans its extremes (0 included) with sixteen levels; scales
/// and minimums are rounded to six bits before the values are, so that values make up for their rounding. Without the
/// search for better scales that ggml's tools make: for test and benchmark files.
/// </summary>
internal static class Q4KQuantizer
{
    private const int Length = 256;
    private const int Groups = 8;
    private const int GroupLength = Length / Groups;

    /// <summary>Layout: <see cref="Dequantization.KQuants.Q4_K"/>.</summary>
    public static void Q4_K(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        const int BlockBytes = 144;
        for (; !values.IsEmpty; values = values[Length..], blocks = blocks[BlockBytes..])
        {
            Block(values[..Length], blocks[..BlockBytes]);
        }
    }

    private static void Block(ReadOnlySpan<float> values, Span<byte> block)
    {
        Span<float> scales = stackalloc float[Groups];
        Span<float> minimums = stackalloc float[Groups];
        for (int group = 0; group < Groups; group++)
        {
            ReadOnlySpan<float> members = values.Slice(group * GroupLength, GroupLength);
            minimums[group] = -Math.Min(0, TensorPrimitives.Min(members));
            scales[group] = (Math.Max(0, TensorPrimitives.Max(members)) + minimums[group]) / 15;
        }
        block.Clear();
        (float scale, byte[] scaleLevels) = ToSixBits(scales, block, 0);
        (float minimum, byte[] minimumLevels) = ToSixBits(minimums, block, 2);
        PackSixBits(scaleLevels, minimumLevels, block.Slice(4, Dequantization.KQuants.PackedScaleBytes));
        for (int i = 0; i < Length; i++)
        {
            int group = i / GroupLength;
            float step = scale * scaleLevels[group];
            float level = step == 0 ? 0 : MathF.Round((values[i] + minimum * minimumLevels[group]) / step);
            block[16 + group / 2 * GroupLength + i % GroupLength] |= (byte)((int)Math.Clamp(level, 0, 15) << group % 2 * 4);
        }
    }

    /// <summary>Writes the unit of some numbers, their largest 63rd, and rounds the numbers to multiples of it.</summary>
    private static (float Unit, byte[] Levels) ToSixBits(ReadOnlySpan<float> numbers, Span<byte> block, int offset)
    {
        SimpleQuantizers.WriteHalf(block, offset, TensorPrimitives.Max(numbers) / 63);
        float unit = Dequantization.Lanes16.HalfAt(block, offset);
        var levels = new byte[Groups];
        for (int i = 0; i < levels.Length; i++)
        {
            levels[i] = (byte)(unit == 0 ? 0 : Math.Clamp(MathF.Round(numbers[i] / unit), 0, 63));
        }
        return (unit, levels);
    }

    private static void PackSixBits(byte[] scales, byte[] minimums, Span<byte> packed)
    {
        for (int i = 0; i < 4; i++)
        {
            packed[i] = (byte)(scales[i] | scales[i + 4] >> 4 << 6);
            packed[i + 4] = (byte)(minimums[i] | minimums[i + 4] >> 4 << 6);
            packed[i + 8] = (byte)(scales[i + 4] & 15 | minimums[i + 4] << 4);
        }
    }
}
