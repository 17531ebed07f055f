using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Prescore.Models.Formats.Gguf.Dequantization;

#pragma warning disable CA1707 // the names are ggml's own

/// <summary>
/// ggml's simple quantised types: 32 values a block, a half-precision scale d first and, in the <c>_1</c> types, a
/// half-precision minimum m. Four-bit values lie in 16 bytes: the low halves are values 0..15, the high halves 16..31.
/// Multiplied and added in separate roundings, as ggml's reference does.
/// </summary>
internal static class BlocksOf32
{
    private const int Length = 32;
    private const int Half16 = Length / 2;

    /// <summary>value = d · (q − 8).</summary>
    public static void Q4_0(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int BlockBytes = 2 + Half16;
        for (int block = 0; block < values.Length / Length; block++)
        {
            ReadOnlySpan<byte> at = blocks.Slice(block * BlockBytes, BlockBytes);
            Vector128<float> scale = HalfAt(at, 0);
            (Vector128<byte> low, Vector128<byte> high) = Nibbles(at[2..]);
            Vector128<sbyte> eight = Vector128.Create((sbyte)8);
            Span<float> output = values.Slice(block * Length, Length);
            Scale(low.AsSByte() - eight, scale, output[..Half16]);
            Scale(high.AsSByte() - eight, scale, output[Half16..]);
        }
    }

    /// <summary>value = d · q + m.</summary>
    public static void Q4_1(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int BlockBytes = 4 + Half16;
        for (int block = 0; block < values.Length / Length; block++)
        {
            ReadOnlySpan<byte> at = blocks.Slice(block * BlockBytes, BlockBytes);
            Vector128<float> scale = HalfAt(at, 0);
            Vector128<float> minimum = HalfAt(at, 2);
            (Vector128<byte> low, Vector128<byte> high) = Nibbles(at[4..]);
            Span<float> output = values.Slice(block * Length, Length);
            ScaleAndAdd(low.AsSByte(), scale, minimum, output[..Half16]);
            ScaleAndAdd(high.AsSByte(), scale, minimum, output[Half16..]);
        }
    }

    /// <summary>value = d · q, q a signed byte.</summary>
    public static void Q8_0(ReadOnlySpan<byte> blocks, Span<float> values)
    {
        const int BlockBytes = 2 + Length;
        for (int block = 0; block < values.Length / Length; block++)
        {
            ReadOnlySpan<byte> at = blocks.Slice(block * BlockBytes, BlockBytes);
            Vector128<float> scale = HalfAt(at, 0);
            ReadOnlySpan<sbyte> quants = MemoryMarshal.Cast<byte, sbyte>(at[2..]);
            Span<float> output = values.Slice(block * Length, Length);
            Scale(Vector128.Create(quants), scale, output[..Half16]);
            Scale(Vector128.Create(quants[Half16..]), scale, output[Half16..]);
        }
    }

    private static Vector128<float> HalfAt(ReadOnlySpan<byte> block, int offset) =>
        Vector128.Create((float)MemoryMarshal.Read<Half>(block[offset..]));

    private static (Vector128<byte> Low, Vector128<byte> High) Nibbles(ReadOnlySpan<byte> packed)
    {
        Vector128<byte> bytes = Vector128.Create(packed);
        return (bytes & Vector128.Create((byte)15), bytes >>> 4);
    }

    /// <summary>Sixteen values d · q.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Scale(Vector128<sbyte> quants, Vector128<float> scale, Span<float> values)
    {
        (Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d) = Widen(quants);
        (a * scale).CopyTo(values);
        (b * scale).CopyTo(values[4..]);
        (c * scale).CopyTo(values[8..]);
        (d * scale).CopyTo(values[12..]);
    }

    /// <summary>Sixteen values d · q + m.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ScaleAndAdd(
        Vector128<sbyte> quants, Vector128<float> scale, Vector128<float> minimum, Span<float> values)
    {
        (Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d) = Widen(quants);
        ((a * scale) + minimum).CopyTo(values);
        ((b * scale) + minimum).CopyTo(values[4..]);
        ((c * scale) + minimum).CopyTo(values[8..]);
        ((d * scale) + minimum).CopyTo(values[12..]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<float> A, Vector128<float> B, Vector128<float> C, Vector128<float> D) Widen(
        Vector128<sbyte> quants)
    {
        (Vector128<short> lower, Vector128<short> upper) = Vector128.Widen(quants);
        (Vector128<int> a, Vector128<int> b) = Vector128.Widen(lower);
        (Vector128<int> c, Vector128<int> d) = Vector128.Widen(upper);
        return (Vector128.ConvertToSingle(a), Vector128.ConvertToSingle(b),
            Vector128.ConvertToSingle(c), Vector128.ConvertToSingle(d));
    }
}
