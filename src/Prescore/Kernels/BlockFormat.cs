namespace Prescore.Kernels;

/// <summary>Expands whole blocks to floats; <paramref name="values"/> holds exactly the values of <paramref name="blocks"/>.</summary>
public delegate void BlockDecoder(ReadOnlySpan<byte> blocks, Span<float> values);

/// <summary>How stored weights lie in blocks, a whole number of them a row, and how they become floats.</summary>
/// <param name="Encoding">Chooses the vectorised expansion.</param>
/// <param name="BlockLength">Values in a block.</param>
/// <param name="BlockBytes">Bytes of a block.</param>
/// <param name="Decode">Expands blocks where there is no vectorised expansion.</param>
public sealed record BlockFormat(BlockEncoding Encoding, int BlockLength, int BlockBytes, BlockDecoder Decode)
{
    /// <summary>
    /// Byte offsets in a block of its 16-bit float scales, where a block's values are finite exactly if these are; empty
    /// where that is not so and the values themselves have to be looked at.
    /// </summary>
    public IReadOnlyList<int> HalfScales { get; init; } = [];
}

/// <summary>The block encodings that have vectorised expansions, named as ggml names them.</summary>
public enum BlockEncoding
{
#pragma warning disable CA1707 // the names are ggml's own, underscores and all
    /// <summary>Any other: expanded by the format's own decoder.</summary>
    Other,

    /// <summary>32-bit floats.</summary>
    F32,

    /// <summary>16-bit IEEE floats.</summary>
    F16,

    /// <summary>The upper halves of 32-bit floats.</summary>
    BF16,

    /// <summary>32 four-bit values and a scale.</summary>
    Q4_0,

    /// <summary>32 four-bit values, a scale and a minimum.</summary>
    Q4_1,

    /// <summary>32 eight-bit values and a scale.</summary>
    Q8_0,

    /// <summary>256 four-bit values with 8 scales and minimums of six bits.</summary>
    Q4_K,

    /// <summary>256 five-bit values with 8 scales and minimums of six bits.</summary>
    Q5_K,

    /// <summary>256 six-bit values with 16 scales of eight bits.</summary>
    Q6_K,
#pragma warning restore CA1707
}
