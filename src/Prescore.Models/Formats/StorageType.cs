using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Prescore.Kernels;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Formats.Gguf.Dequantization;
using Prescore.Models.Formats.Gguf.Quantization;

namespace Prescore.Models.Formats;

/// <summary>Converts stored elements or expands whole blocks; <paramref name="values"/> holds exactly the values of <paramref name="bytes"/>.</summary>
internal delegate void ElementConverter<T>(ReadOnlySpan<byte> bytes, Span<T> values);

/// <summary>Rounds values to a storage type; <paramref name="bytes"/> holds exactly their elements or whole blocks.</summary>
internal delegate void FromSingle(ReadOnlySpan<float> values, Span<byte> bytes);

/// <summary>How the values of a tensor are stored, in either format. A type is one line of the table.</summary>
public sealed class StorageType
{
    private static readonly StorageType[] Table =
    [
        new("F64", 8) { Ggml = GgmlType.F64, InSafetensors = true, ToSingle = FloatEncodings.F64 },
        new("F32", 4) { Ggml = GgmlType.F32, InSafetensors = true, ToSingle = FloatEncodings.F32, Quantize = FloatEncodings.ToF32 },
        new("F16", 2) { Ggml = GgmlType.F16, InSafetensors = true, ToSingle = FloatEncodings.F16, Quantize = FloatEncodings.ToF16 },
        new("BF16", 2) { Ggml = GgmlType.BF16, InSafetensors = true, ToSingle = FloatEncodings.BF16, Quantize = FloatEncodings.ToBF16 },
        new("F8_E4M3", 1) { InSafetensors = true, ToSingle = FloatEncodings.F8E4M3 },
        new("F8_E5M2", 1) { InSafetensors = true, ToSingle = FloatEncodings.F8E5M2 },
        new("BOOL", 1) { InSafetensors = true, ToInt32 = Integers<byte> },
        new("U8", 1) { InSafetensors = true, ToInt32 = Integers<byte> },
        new("I8", 1) { Ggml = GgmlType.I8, InSafetensors = true, ToInt32 = Integers<sbyte> },
        new("U16", 2) { InSafetensors = true, ToInt32 = Integers<ushort> },
        new("I16", 2) { Ggml = GgmlType.I16, InSafetensors = true, ToInt32 = Integers<short> },
        new("U32", 4) { InSafetensors = true, ToInt32 = Integers<uint> },
        new("I32", 4) { Ggml = GgmlType.I32, InSafetensors = true, ToInt32 = Integers<int> },
        new("U64", 8) { InSafetensors = true, ToInt32 = Integers<ulong> },
        new("I64", 8) { Ggml = GgmlType.I64, InSafetensors = true, ToInt32 = Integers<long> },
        new(GgmlType.Q4_0, 32, 18) { HalfScales = [0], ToSingle = BlocksOf32.Q4_0, Quantize = SimpleQuantizers.Q4_0 },
        new(GgmlType.Q4_1, 32, 20) { HalfScales = [0, 2], ToSingle = BlocksOf32.Q4_1, Quantize = SimpleQuantizers.Q4_1 },
        new(GgmlType.Q5_0, 32, 22) { HalfScales = [0], ToSingle = BlocksOf32.Q5_0, Quantize = SimpleQuantizers.Q5_0 },
        new(GgmlType.Q5_1, 32, 24) { HalfScales = [0, 2], ToSingle = BlocksOf32.Q5_1, Quantize = SimpleQuantizers.Q5_1 },
        new(GgmlType.Q8_0, 32, 34) { HalfScales = [0], ToSingle = BlocksOf32.Q8_0, Quantize = SimpleQuantizers.Q8_0 },
        new(GgmlType.Q8_1, 32, 36),
        new(GgmlType.Q2_K, 256, 84) { HalfScales = [80, 82], ToSingle = KQuants.Q2_K },
        new(GgmlType.Q3_K, 256, 110) { HalfScales = [108], ToSingle = KQuants.Q3_K },
        new(GgmlType.Q4_K, 256, 144) { HalfScales = [0, 2], ToSingle = KQuants.Q4_K, Quantize = Q4KQuantizer.Q4_K },
        new(GgmlType.Q5_K, 256, 176) { HalfScales = [0, 2], ToSingle = KQuants.Q5_K },
        new(GgmlType.Q6_K, 256, 210) { HalfScales = [208], ToSingle = KQuants.Q6_K },
        new(GgmlType.Q8_K, 256, 292),
        new(GgmlType.IQ1_S, 256, 50) { HalfScales = [0], ToSingle = CodebookBlocks.IQ1_S },
        new(GgmlType.IQ1_M, 256, 56) { ToSingle = CodebookBlocks.IQ1_M },
        new(GgmlType.IQ2_XXS, 256, 66) { HalfScales = [0], ToSingle = CodebookBlocks.IQ2_XXS },
        new(GgmlType.IQ2_XS, 256, 74) { HalfScales = [0], ToSingle = CodebookBlocks.IQ2_XS },
        new(GgmlType.IQ2_S, 256, 82) { HalfScales = [0], ToSingle = CodebookBlocks.IQ2_S },
        new(GgmlType.IQ3_XXS, 256, 98) { HalfScales = [0], ToSingle = CodebookBlocks.IQ3_XXS },
        new(GgmlType.IQ3_S, 256, 110) { HalfScales = [0], ToSingle = CodebookBlocks.IQ3_S },
        new(GgmlType.IQ4_NL, 32, 18) { HalfScales = [0], ToSingle = NonlinearBlocks.IQ4_NL },
        new(GgmlType.IQ4_XS, 256, 136) { HalfScales = [0], ToSingle = NonlinearBlocks.IQ4_XS },
        new(GgmlType.TQ1_0, 256, 54) { HalfScales = [52], ToSingle = TernaryBlocks.TQ1_0, Quantize = TernaryQuantizers.TQ1_0 },
        new(GgmlType.TQ2_0, 256, 66) { HalfScales = [64], ToSingle = TernaryBlocks.TQ2_0, Quantize = TernaryQuantizers.TQ2_0 },
        new(GgmlType.MXFP4, 32, 17) { ToSingle = FourBitFloats.MXFP4, Quantize = Mxfp4Quantizer.MXFP4 },
        new(GgmlType.NVFP4, 64, 36) { ToSingle = FourBitFloats.NVFP4 },
    ];

    private static readonly Dictionary<GgmlType, StorageType> ByGgml =
        Table.Where(type => type.Ggml is not null).ToDictionary(type => type.Ggml!.Value);

    private static readonly Dictionary<string, StorageType> BySafetensors =
        Table.Where(type => type.InSafetensors).ToDictionary(type => type.Name);

    /// <summary>A type of single elements.</summary>
    private StorageType(string name, int bytes)
    {
        Name = name;
        BlockLength = 1;
        BlockBytes = bytes;
    }

    /// <summary>A quantised type of GGUF.</summary>
    private StorageType(GgmlType type, int blockLength, int blockBytes)
    {
        Name = type.ToString();
        Ggml = type;
        BlockLength = blockLength;
        BlockBytes = blockBytes;
    }

    /// <summary>Name as the format writes it, such as "Q4_K" or "F8_E4M3".</summary>
    public string Name { get; }

    /// <summary>ggml's type of that layout, also where the tensor comes from a safetensors file; null where ggml has none.</summary>
    public GgmlType? Ggml { get; private init; }

    /// <summary>Values in a block; 1 where values are stored one by one.</summary>
    public int BlockLength { get; }

    /// <summary>Bytes of a block.</summary>
    public int BlockBytes { get; }

    /// <summary>Whether safetensors files may hold it.</summary>
    public bool InSafetensors { get; private init; }

    /// <summary>Whether its values can be read as floats.</summary>
    public bool IsFloat => ToSingle is not null;

    /// <summary>The type as the kernels know it.</summary>
    /// <exception cref="InvalidOperationException">Its values cannot be read as floats.</exception>
    public BlockFormat Blocks => field ??= new BlockFormat(
        Enum.TryParse(Name, out BlockEncoding encoding) ? encoding : BlockEncoding.Other,
        BlockLength,
        BlockBytes,
        new BlockDecoder(ToSingle ?? throw new InvalidOperationException($"{Name} holds no floats")))
    {
        HalfScales = HalfScales,
    };

    /// <summary>Names of all types that safetensors files hold.</summary>
    internal static string SafetensorsNames { get; } = string.Join(", ", BySafetensors.Keys);

    /// <summary>Names of the types whose values can be read as floats.</summary>
    internal static string FloatNames { get; } = string.Join(", ", Table.Where(type => type.IsFloat).Select(type => type.Name));

    /// <summary>Conversion to fp32; null for integers, and for types that can be listed but not read.</summary>
    internal ElementConverter<float>? ToSingle { get; private init; }

    /// <summary>See <see cref="BlockFormat.HalfScales"/>.</summary>
    internal int[] HalfScales { get; private init; } = [];

    /// <summary>Rounding to this type; null where it can be read only.</summary>
    internal FromSingle? Quantize { get; private init; }

    /// <summary>Conversion to 32-bit integers, which throws on overflow; null for types that are no integers.</summary>
    internal ElementConverter<int>? ToInt32 { get; private init; }

    /// <summary>The layout of a type of GGUF, or null for a number that names none.</summary>
    public static StorageType? Find(GgmlType type) => ByGgml.GetValueOrDefault(type);

    /// <summary>The layout of a type of safetensors, or null for a name that names none.</summary>
    public static StorageType? FindSafetensors(string name) => BySafetensors.GetValueOrDefault(name);

    /// <inheritdoc/>
    public override string ToString() => Name;

    private static void Integers<T>(ReadOnlySpan<byte> bytes, Span<int> values)
        where T : unmanaged, IBinaryInteger<T> => TensorPrimitives.ConvertChecked(MemoryMarshal.Cast<byte, T>(bytes), values);
}
