using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Prescore.Kernels;

/// <summary>
/// Unpacks blocks of four-bit numbers to a byte each, 0 … 15, and of every 32 values the scale and the minimum:
/// value = scale · number + minimum.
/// </summary>
/// <param name="blocks">Whole blocks.</param>
/// <param name="numbers">Receives <paramref name="count"/> bytes.</param>
/// <param name="scales">Receives count / 32 scales.</param>
/// <param name="minimums">Receives count / 32 minimums.</param>
/// <param name="count">Number of values.</param>
internal unsafe delegate void BlockUnpacker(byte* blocks, byte* numbers, float* scales, float* minimums, nint count);

/// <summary>The stored formats whose products can be taken with activations of eight bits.</summary>
internal static unsafe class FourBitBlocks
{
    private static readonly (BlockEncoding Encoding, BlockUnpacker Unpack)[] Table =
    [
        (BlockEncoding.Q4_0, Q4_0),
        (BlockEncoding.Q4_1, Q4_1),
        (BlockEncoding.Q4_K, Q4_K),
    ];

    /// <summary>The unpacking of a format, or null where its weights are others than numbers of four bits.</summary>
    public static BlockUnpacker? UnpackerFor(BlockFormat format) => Array.Find(Table, line => line.Encoding == format.Encoding).Unpack;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q4_0(byte* blocks, byte* numbers, float* scales, float* minimums, nint count)
    {
        float* halves = HalfTable.Values;
        for (byte* end = numbers + count; numbers < end; numbers += 32, blocks += 18)
        {
            float scale = halves[*(ushort*)blocks];
            *scales++ = scale;
            *minimums++ = -8 * scale;
            Unpack(blocks + 2, numbers, numbers + 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q4_1(byte* blocks, byte* numbers, float* scales, float* minimums, nint count)
    {
        float* halves = HalfTable.Values;
        for (byte* end = numbers + count; numbers < end; numbers += 32, blocks += 20)
        {
            *scales++ = halves[*(ushort*)blocks];
            *minimums++ = halves[*(ushort*)(blocks + 2)];
            Unpack(blocks + 4, numbers, numbers + 16);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Q4_K(byte* blocks, byte* numbers, float* scales, float* minimums, nint count)
    {
        float* halves = HalfTable.Values;
        float* products = stackalloc float[16];
        for (byte* end = numbers + count; numbers < end; blocks += 144, scales += 8, minimums += 8)
        {
            SixBitScales.Expand(blocks + 4, halves[*(ushort*)blocks], halves[*(ushort*)(blocks + 2)], products);
            Vector256.Load(products).Store(scales);
            (-Vector256.Load(products + 8)).Store(minimums);
            for (byte* quants = blocks + 16; quants < blocks + 144; quants += 32, numbers += 64)
            {
                Unpack(quants, numbers, numbers + 32);
                Unpack(quants + 16, numbers + 16, numbers + 48);
            }
        }
    }

    /// <summary>Sixteen bytes' lower and upper numbers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Unpack(byte* quants, byte* lower, byte* upper)
    {
        Vector128<byte> bytes = Vector128.Load(quants), fifteen = Vector128.Create((byte)15);
        (bytes & fifteen).Store(lower);
        ((bytes.AsUInt16() >>> 4).AsByte() & fifteen).Store(upper);
    }
}
