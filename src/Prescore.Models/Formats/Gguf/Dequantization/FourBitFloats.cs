using System.Runtime.Intrinsics;
using static Prescore.Models.Formats.Gguf.Dequantization.Lanes16;

namespace Prescore.Models.Formats.Gguf.Dequantization;

#pragma warning disable CA1707 // the names are ggml's own

/// <summary>
/// Four-bit floats (E2M1: 0, ½, 1, 1½, 2, 3, 4, 6 and their negatives) under a shared scale. They are kept doubled, as
/// integers, and the scales halved.
/// </summary>
internal static class FourBitFloats
{
    /// <summary>Twice the value of each four-bit float; minus zero is 0.</summary>
    public static Vector128<sbyte> Doubled { get; } = Vector128.Create(0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12);

    /// <summary>OCP microscaling: 32 values, the scale a power of two.</summary>
    public static void MXFP4(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int BlockBytes = 1 + Count;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[32..])
        {
            float scale = HalfOfPowerOfTwo(blocks[0]);
            (Vector128<byte> low, Vector128<byte> high) = Nibbles(blocks[1..]);
            Scale(Vector128.Shuffle(Doubled, low.AsSByte()), scale, values);
            Scale(Vector128.Shuffle(Doubled, high.AsSByte()), scale, values[Count..]);
        }
    }

    /// <summary>NVIDIA's: four groups of 16, the scales unsigned eight-bit floats (E4M3).</summary>
    public static void NVFP4(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int Groups = 4, BlockBytes = Groups + 32;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[64..])
        {
            for (int group = 0; group < Groups; group++)
            {
                // Eight bytes: the low halves are values 0..7, the high halves 8..15.
                Vector64<byte> packed = Vector64.Create(blocks.Slice(Groups + group * 8, 8));
                Vector128<byte> quants = Vector128.Create(packed & Vector64.Create((byte)15), packed >>> 4);
                Scale(Vector128.Shuffle(Doubled, quants.AsSByte()), HalfOfUnsignedE4M3(blocks[group]), values[(group * Count)..]);
            }
        }
    }

    /// <summary>2^(exponent − 128): half of what an E8M0 scale stands for.</summary>
    public static float HalfOfPowerOfTwo(byte exponent) =>
        BitConverter.UInt32BitsToSingle(exponent < 2 ? 0x00200000u << exponent : (uint)(exponent - 1) << 23);

    private static float HalfOfUnsignedE4M3(byte bits)
    {
        int exponent = bits >> 3 & 15, mantissa = bits & 7;
        return bits == 0x7F ? 0
            : exponent == 0 ? mantissa * MathF.ScaleB(1, -10)
            : (8 + mantissa) * MathF.ScaleB(1, exponent - 11);
    }
}
