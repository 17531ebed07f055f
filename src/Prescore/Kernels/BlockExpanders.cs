namespace Prescore.Kernels;

/// <summary>Writes <paramref name="count"/> values, a whole number of blocks, as floats.</summary>
internal unsafe delegate void BlockExpander(byte* blocks, float* values, nint count);

/// <summary>Dot products of two stored rows of <paramref name="depth"/> values with x; readable up to the depth.</summary>
internal unsafe delegate void BlockDot(byte* first, byte* second, float* x, nint depth, float* sums);

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
        (BlockEncoding.Q4_K, Expand256.Q4_K, Expand512.Q4_K, Dot512.Q4_K),
        (BlockEncoding.Q5_K, Expand256.Q5_K, Expand512.Q5_K, null),
        (BlockEncoding.Q6_K, Expand256.Q6_K, Expand512.Q6_K, Dot512.Q6_K),
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

    private static void Copy(byte* blocks, float* values, nint count) =>
        Buffer.MemoryCopy(blocks, values, count * sizeof(float), count * sizeof(float));

    private static BlockExpander Decoder(BlockFormat format) => (blocks, values, count) =>
        format.Decode(
            new ReadOnlySpan<byte>(blocks, checked((int)(count / format.BlockLength * format.BlockBytes))),
            new Span<float>(values, checked((int)count)));
}
