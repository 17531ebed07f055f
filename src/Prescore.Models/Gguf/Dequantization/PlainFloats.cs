using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Prescore.Models.Gguf.Dequantization;

/// <summary>The unquantised float types, widened to fp32 without loss.</summary>
internal static class PlainFloats
{
    public static void F32(ReadOnlySpan<byte> blocks, Span<float> values) =>
        MemoryMarshal.Cast<byte, float>(blocks).CopyTo(values);

    public static void F16(ReadOnlySpan<byte> blocks, Span<float> values) =>
        TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(blocks), values);

    /// <summary>bfloat16 is the upper half of an fp32 pattern.</summary>
    public static void BF16(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        Span<uint> bits = MemoryMarshal.Cast<float, uint>(values);
        TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, ushort>(blocks), bits);
        TensorPrimitives.ShiftLeft<uint>(bits, 16, bits);
    }
}
