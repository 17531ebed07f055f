using Prescore.Models.Formats.Gguf.Dequantization;

namespace Prescore.Models.Formats.Gguf;

/// <summary>Expands whole blocks to floats; <paramref name="values"/> holds exactly the values of <paramref name="blocks"/>.</summary>
internal delegate void Dequantizer(ReadOnlySpan<byte> blocks, Span<float> values);

/// <summary>How a storage type lays out its values, and how they are read. A type is one line of the table.</summary>
/// <param name="Type">The type.</param>
/// <param name="BlockLength">Values in a block.</param>
/// <param name="BlockBytes">Bytes of a block.</param>
/// <param name="Dequantize">Expands blocks; null where this type can be listed but not read.</param>
internal sealed record GgmlTypeInfo(GgmlType Type, int BlockLength, int BlockBytes, Dequantizer? Dequantize = null)
{
    private static readonly Dictionary<GgmlType, GgmlTypeInfo> Table = new GgmlTypeInfo[]
    {
        new(GgmlType.F32, 1, 4, FloatEncodings.F32),
        new(GgmlType.F16, 1, 2, FloatEncodings.F16),
        new(GgmlType.BF16, 1, 2, FloatEncodings.BF16),
        new(GgmlType.F64, 1, 8),
        new(GgmlType.I8, 1, 1),
        new(GgmlType.I16, 1, 2),
        new(GgmlType.I32, 1, 4),
        new(GgmlType.I64, 1, 8),
        new(GgmlType.Q4_0, 32, 18, BlocksOf32.Q4_0),
        new(GgmlType.Q4_1, 32, 20, BlocksOf32.Q4_1),
        new(GgmlType.Q5_0, 32, 22),
        new(GgmlType.Q5_1, 32, 24),
        new(GgmlType.Q8_0, 32, 34, BlocksOf32.Q8_0),
        new(GgmlType.Q8_1, 32, 36),
        new(GgmlType.Q2_K, 256, 84),
        new(GgmlType.Q3_K, 256, 110),
        new(GgmlType.Q4_K, 256, 144),
        new(GgmlType.Q5_K, 256, 176),
        new(GgmlType.Q6_K, 256, 210),
        new(GgmlType.Q8_K, 256, 292),
        new(GgmlType.IQ1_S, 256, 50),
        new(GgmlType.IQ1_M, 256, 56),
        new(GgmlType.IQ2_XXS, 256, 66),
        new(GgmlType.IQ2_XS, 256, 74),
        new(GgmlType.IQ2_S, 256, 82),
        new(GgmlType.IQ3_XXS, 256, 98),
        new(GgmlType.IQ3_S, 256, 110),
        new(GgmlType.IQ4_NL, 32, 18),
        new(GgmlType.IQ4_XS, 256, 136),
        new(GgmlType.TQ1_0, 256, 54),
        new(GgmlType.TQ2_0, 256, 66),
        new(GgmlType.MXFP4, 32, 17),
        new(GgmlType.NVFP4, 64, 36),
    }.ToDictionary(info => info.Type);

    /// <summary>Names of the types whose values can be read.</summary>
    public static string ReadableTypes { get; } =
        string.Join(", ", Table.Values.Where(info => info.Dequantize is not null).Select(info => info.Type));

    /// <summary>The layout of a type, or null for a number that names none.</summary>
    public static GgmlTypeInfo? Find(GgmlType type) => Table.GetValueOrDefault(type);
}
