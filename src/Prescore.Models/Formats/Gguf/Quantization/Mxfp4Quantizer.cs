using System.Numerics.Tensors;
using Prescore.Models.Formats.Gguf.Dequantization;

namespace Prescore.Models.Formats.Gguf.Quantization;

#pragma warning disable CA1707 // the names are ggml's own

/// <summary>Rounds blocks of 32 values to the nearest four-bit floats under a power of two.</summary>
internal static class Mxfp4Quantizer
{
    private const int Length = 32;

    /// <summary>The power of two is the largest magnitude's, less the two exponents that a four-bit float has above 1.</summary>
    public static void MXFP4(ReadOnlySpan<float> values, Span<byte> blocks)
    {
        const int BlockBytes = 1 + Length / 2;
        for (; !values.IsEmpty; values = values[Length..], blocks = blocks[BlockBytes..])
        {
            float largest = MathF.Abs(TensorPrimitives.MaxMagnitude(values[..Length]));
            blocks[0] = (byte)(largest > 0 ? Math.Clamp(MathF.ILogB(largest) - 2 + 127, 0, 254) : 0);
            float scale = FourBitFloats.HalfOfPowerOfTwo(blocks[0]);
            for (int i = 0; i < Length / 2; i++)
            {
                blocks[1 + i] = (byte)(Nearest(values[i], scale) | Nearest(values[i + Length / 2], scale) << 4);
            }
        }
    }

    private static int Nearest(float value, float scale)
    {
        int best = 0;
        float least = float.PositiveInfinity;
        for (int level = 0; level < 16; level++)
        {
            float error = MathF.Abs(scale * FourBitFloats.Doubled[level] - value);
            if (error < least)
            {
                (best, least) = (level, error);
            }
        }
        return best;
    }
}
