using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Prescore.Models.Formats.Safetensors;

/// <summary>Converts stored elements; both spans hold the same number of them.</summary>
internal delegate void ElementConverter<T>(ReadOnlySpan<byte> bytes, Span<T> values);

/// <summary>How an element type is written in the header, stored and converted. A type is one line of the table.</summary>
/// <param name="Type">The type.</param>
/// <param name="Name">Its name in the header.</param>
/// <param name="Bytes">Bytes of an element.</param>
/// <param name="ToSingle">Conversion to fp32; null for types that are no floats.</param>
/// <param name="ToInt32">Conversion to 32-bit integers, which throws on overflow; null for types that are no integers.</param>
internal sealed record SafetensorsTypeInfo(
    SafetensorsType Type,
    string Name,
    int Bytes,
    ElementConverter<float>? ToSingle = null,
    ElementConverter<int>? ToInt32 = null)
{
    private static readonly SafetensorsTypeInfo[] Table =
    [
        new(SafetensorsType.Bool, "BOOL", 1, null, Integers<byte>),
        new(SafetensorsType.U8, "U8", 1, null, Integers<byte>),
        new(SafetensorsType.I8, "I8", 1, null, Integers<sbyte>),
        new(SafetensorsType.U16, "U16", 2, null, Integers<ushort>),
        new(SafetensorsType.I16, "I16", 2, null, Integers<short>),
        new(SafetensorsType.U32, "U32", 4, null, Integers<uint>),
        new(SafetensorsType.I32, "I32", 4, null, Integers<int>),
        new(SafetensorsType.U64, "U64", 8, null, Integers<ulong>),
        new(SafetensorsType.I64, "I64", 8, null, Integers<long>),
        new(SafetensorsType.F8E4M3, "F8_E4M3", 1, FloatEncodings.F8E4M3),
        new(SafetensorsType.F8E5M2, "F8_E5M2", 1, FloatEncodings.F8E5M2),
        new(SafetensorsType.F16, "F16", 2, FloatEncodings.F16),
        new(SafetensorsType.BF16, "BF16", 2, FloatEncodings.BF16),
        new(SafetensorsType.F32, "F32", 4, FloatEncodings.F32),
        new(SafetensorsType.F64, "F64", 8, FloatEncodings.F64),
    ];

    /// <summary>The names of all types.</summary>
    public static string Names { get; } = string.Join(", ", Table.Select(info => info.Name));

    public static SafetensorsTypeInfo Of(SafetensorsType type) => Table.First(info => info.Type == type);

    public static SafetensorsTypeInfo? Find(string name) => Array.Find(Table, info => info.Name == name);

    private static void Integers<T>(ReadOnlySpan<byte> bytes, Span<int> values)
        where T : unmanaged, IBinaryInteger<T> => TensorPrimitives.ConvertChecked(MemoryMarshal.Cast<byte, T>(bytes), values);
}
