using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using static Prescore.Models.Formats.Gguf.Dequantization.Lanes16;

namespace Prescore.Models.Formats.Gguf.Dequantization;

#pragma warning disable CA1707 // the names are ggml's own

/// <summary>ggml's four-bit types whose sixteen levels are unevenly spaced, denser around 0.</summary>
internal static class NonlinearBlocks
{
    private static readonly Vector128<sbyte> Levels =
        Vector128.Create(-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113);

    /// <summary>value = d · level[q]: blocks of 32.</summary>
    public static void IQ4_NL(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int BlockBytes = 2 + Count;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[32..])
        {
            Write32(blocks[2..], HalfAt(blocks, 0), values);
        }
    }

    /// <summary>value = d · (scale − 32) · level[q]: eight groups of 32, six bits a scale.</summary>
    public static void IQ4_XS(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int Quants = 8, BlockBytes = Quants + 128;
        for (; !values.IsEmpty; blocks = blocks[BlockBytes..], values = values[256..])
        {
            float scale = HalfAt(blocks, 0);
            int high = MemoryMarshal.Read<ushort>(blocks[2..]);
            for (int group = 0; group < 8; group++)
            {
                int groupScale = blocks[4 + group / 2] >> group % 2 * 4 & 15 | (high >> 2 * group & 3) << 4;
                Write32(blocks[(Quants + group * Count)..], scale * (groupScale - 32), values[(group * 32)..]);
            }
        }
    }

    private static void Write32(ReadOnlySpan<byte> packed, float scale, Span<float> values)
    {
        (Vector128<byte> low, Vector128<byte> high) = Nibbles(packed);
        Scale(Vector128.Shuffle(Levels, low.AsSByte()), scale, values);
        Scale(Vector128.Shuffle(Levels, high.AsSByte()), scale, values[Count..]);
    }
}
