namespace Prescore.Kernels;

/// <summary>Writes <paramref name="count"/> values, a whole number of blocks, as floats.</summary>
internal unsafe delegate void BlockExpander(byte* blocks, float* values, nint count);

/// <summary>The table of vectorised expansions; formats without one use their own decoder.</summary>
internal static unsafe class BlockExpanders
{
    /// <summary>The fastest expansion of a format.</summary>
    public static BlockExpander For(BlockFormat format, SimdPath simd) => Decoder(format);

    private static BlockExpander Decoder(BlockFormat format) => (blocks, values, count) =>
        format.Decode(
            new ReadOnlySpan<byte>(blocks, checked((int)(count / format.BlockLength * format.BlockBytes))),
            new Span<float>(values, checked((int)count)));
}
