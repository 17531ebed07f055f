namespace Prescore.Kernels;

/// <summary>Writes <paramref name="count"/> values, a whole number of blocks, as floats.</summary>
internal unsafe delegate void BlockExpander(byte* blocks, float* values, nint count);

/// <summary>Dot products of two stored rows of <paramref name="depth"/> values with x; readable up to the depth.</summary>
internal unsafe delegate void BlockDot(byte* first, byte* second, float* x, nint depth, float* sums);

/// <summary>The same with blocks of rounded activations, in the kernel's order, and their factors; see <see cref="RoundedActivations"/>.</summary>
internal unsafe delegate void RoundedDot(byte* first, byte* second, short* x, float* factors, nint blocks, float* sums);

/// <summary>The table of vectorised expansions; formats without one use their own decoder.</summary>
internal static unsafe class BlockExpanders
{
    private static readonly (BlockEncoding Encoding, BlockExpander Narrow, BlockExpander Wide, BlockDot? Dot)[] Table =
    [
        (BlockEncoding.F32, Copy, Copy, Dot512.F32),
        (BlockEncoding.F16, Expand256.F16, Expand512.F16, Dot512.F16),
        (BlockEncoding.BF16, Expand256.BF16, Expand512.BF16, Dot512.BF16),
        (BlockEncoding.Q4_0, Expand256.Q4_0, Expand512.Q4_0, Dot512.Q4_0),
        (BlockEncoding.Q4_1, Expand256.Q4_1, Expand512.Q4_1, Dot512.Q4_1),
        (BlockEncoding.Q8_0, Expand256.Q8_0, Expand512.Q8_0, Dot512.Q8_0),
        (BlockEncoding.Q4_K, Expand256.Q4_K, Expand512.Q4_K, null),
        (BlockEncoding.Q5_K, Expand256.Q5_K, Expand512.Q5_K, null),
        (BlockEncoding.Q6_K, Expand256.Q6_K, Expand512.Q6_K, null),
    ];

    /// <summary>Formats of 256 integers a block, that take 512-bit products with rounded activations.</summary>
    private static readonly (BlockEncoding Encoding, RoundedDot Dot, ActivationOrder Order)[] Rounded =
    [
        (BlockEncoding.Q4_K, RoundedDot512.Q4_K, RoundedDot512.NibbleOrder),
        (BlockEncoding.Q5_K, RoundedDot512.Q5_K, RoundedDot512.NibbleOrder),
        (BlockEncoding.Q6_K, RoundedDot512.Q6_K, RoundedDot512.ByteOrder),
    ];

    /// <summary>The expansion of a format on a path. Paths beyond the processor's own take the widest that it runs.</summary>
    public static BlockExpander For(BlockFormat format, SimdPath simd)
    {
        simd = SimdPaths.IsAccelerated(simd) ? simd : SimdPaths.Best;
        foreach ((BlockEncoding encoding, BlockExpander narrow, BlockExpander wide, _) in Table)
        {
            if (encoding == format.Encoding && simd != SimdPath.Scalar)
            {
                return simd == SimdPath.Vector512 ? wide : narrow;
            }
        }
        return Decoder(format);
    }

    /// <summary>The dot product that expands in registers, or null where rows are expanded first.</summary>
    public static BlockDot? DotFor(BlockFormat format, SimdPath simd) =>
        simd == SimdPath.Vector512 && SimdPaths.IsAccelerated(simd)
            ? Array.Find(Table, line => line.Encoding == format.Encoding).Dot
            : null;

    /// <summary>The dot product with rounded activations and the order in which it reads them; null where there is none.</summary>
    public static (RoundedDot? Dot, ActivationOrder? Order) RoundedDotFor(BlockFormat format, SimdPath simd)
    {
        (_, RoundedDot? dot, ActivationOrder? order) = simd == SimdPath.Vector512 && SimdPaths.IsAccelerated(simd)
            ? Array.Find(Rounded, line => line.Encoding == format.Encoding)
            : default;
        return (dot, order);
    }

    private static void Copy(byte* blocks, float* values, nint count) =>
        Buffer.MemoryCopy(blocks, values, count * sizeof(float), count * sizeof(float));

    private static BlockExpander Decoder(BlockFormat format) => (blocks, values, count) =>
        format.Decode(
            new ReadOnlySpan<byte>(blocks, checked((int)(count / format.BlockLength * format.BlockBytes))),
            new Span<float>(values, checked((int)count)));
}
