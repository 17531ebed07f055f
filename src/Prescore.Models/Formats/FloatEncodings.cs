using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Prescore.Models.Formats;

/// <summary>The unquantised float types of model files: widened to fp32 without loss (F64 is rounded), and rounded from it.</summary>
internal static class FloatEncodings
{
    private static readonly float[] F8E4M3Values = [.. Enumerable.Range(0, 256).Select(bits => DecodeF8E4M3((byte)bits))];
    private static readonly float[] F8E5M2Values = [.. Enumerable.Range(0, 256).Select(bits => DecodeF8E5M2((byte)bits))];

    public static void F64(ReadOnlySpan<byte> bytes, Span<float> values) =>
        TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, double>(bytes), values);

    public static void F32(ReadOnlySpan<byte> bytes, Span<float> values) =>
        MemoryMarshal.Cast<byte, float>(bytes).CopyTo(values);

    public static void F16(ReadOnlySpan<byte> bytes, Span<float> values) =>
        TensorPrimitives.ConvertToSingle(MemoryMarshal.Cast<byte, Half>(bytes), values);

    /// <summary>bfloat16 is the upper half of an fp32 pattern.</summary>
    public static void BF16(ReadOnlySpan<byte> bytes, Span<float> values)
    {
        Span<uint> bits = MemoryMarshal.Cast<float, uint>(values);
        TensorPrimitives.ConvertTruncating(MemoryMarshal.Cast<byte, ushort>(bytes), bits);
        TensorPrimitives.ShiftLeft<uint>(bits, 16, bits);
    }

    public static void ToF32(ReadOnlySpan<float> values, Span<byte> bytes) => MemoryMarshal.AsBytes(values).CopyTo(bytes);

    /// <summary>Rounds to the nearest half, ties to even; beyond 65,504 to infinity.</summary>
    public static void ToF16(ReadOnlySpan<float> values, Span<byte> bytes) =>
        TensorPrimitives.ConvertToHalf(values, MemoryMarshal.Cast<byte, Half>(bytes));

    /// <summary>Rounds to the nearest bfloat16, ties to even; NaN stays NaN.</summary>
    public static void ToBF16(ReadOnlySpan<float> values, Span<byte> bytes)
    {
        Span<ushort> rounded = MemoryMarshal.Cast<byte, ushort>(bytes);
        for (int i = 0; i < values.Length; i++)
        {
            uint bits = BitConverter.SingleToUInt32Bits(values[i]);
            rounded[i] = (ushort)(float.IsNaN(values[i]) ? bits >> 16 | 64 : bits + 0x7FFF + (bits >> 16 & 1) >> 16);
        }
    }

    public static void F8E4M3(ReadOnlySpan<byte> bytes, Span<float> values) => LookUp(F8E4M3Values, bytes, values);

    public static void F8E5M2(ReadOnlySpan<byte> bytes, Span<float> values) => LookUp(F8E5M2Values, bytes, values);

    private static void LookUp(float[] table, ReadOnlySpan<byte> bytes, Span<float> values)
    {
        for (int i = 0; i < bytes.Length; i++)
        {
            values[i] = table[bytes[i]];
        }
    }

    /// <summary>OCP FP8 E4M3: exponent bias 7, no infinities, NaN only where all other bits are set.</summary>
    private static float DecodeF8E4M3(byte bits)
    {
        int exponent = (bits >> 3) & 15;
        int mantissa = bits & 7;
        float magnitude = (bits & 0x7F) == 0x7F ? float.NaN
            : exponent == 0 ? mantissa * MathF.ScaleB(1, -9)
            : (8 + mantissa) * MathF.ScaleB(1, exponent - 10);
        return (bits & 0x80) == 0 ? magnitude : -magnitude;
    }

    /// <summary>OCP FP8 E5M2 is the upper byte of a half-precision pattern.</summary>
    private static float DecodeF8E5M2(byte bits) => (float)BitConverter.UInt16BitsToHalf((ushort)(bits << 8));
}
