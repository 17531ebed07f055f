using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Prescore.Models.Formats.Gguf.Dequantization;

/// <summary>
/// Sixteen quantised values at a time: what all of ggml's types come down to is d · q or d · q + m with q a small integer.
/// Multiplied and added in separate roundings, as ggml's reference does.
/// </summary>
internal static class Lanes16
{
    public const int Count = 16;

    /// <summary>A half-precision number in a block.</summary>
    public static float HalfAt(ReadOnlySpan<byte> block, int offset) => (float)MemoryMarshal.Read<Half>(block[offset..]);

    /// <summary>Low and high four bits of sixteen bytes.</summary>
    public static (Vector128<byte> Low, Vector128<byte> High) Nibbles(ReadOnlySpan<byte> packed)
    {
        Vector128<byte> bytes = Vector128.Create(packed);
        return (bytes & Vector128.Create((byte)15), bytes >>> 4);
    }

    /// <summary>values = scale · quants.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Scale(Vector128<sbyte> quants, float scale, Span<float> values)
    {
        (Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d) = Widen(quants);
        Vector128<float> factor = Vector128.Create(scale);
        (a * factor).CopyTo(values);
        (b * factor).CopyTo(values[4..]);
        (c * factor).CopyTo(values[8..]);
        (d * factor).CopyTo(values[12..]);
    }

    /// <summary>values = scale · quants + minimum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void ScaleAndAdd(Vector128<sbyte> quants, float scale, float minimum, Span<float> values)
    {
        (Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d) = Widen(quants);
        Vector128<float> factor = Vector128.Create(scale);
        Vector128<float> addend = Vector128.Create(minimum);
        ((a * factor) + addend).CopyTo(values);
        ((b * factor) + addend).CopyTo(values[4..]);
        ((c * factor) + addend).CopyTo(values[8..]);
        ((d * factor) + addend).CopyTo(values[12..]);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static (Vector128<float> A, Vector128<float> B, Vector128<float> C, Vector128<float> D) Widen(Vector128<sbyte> quants)
    {
        (Vector128<short> lower, Vector128<short> upper) = Vector128.Widen(quants);
        (Vector128<int> a, Vector128<int> b) = Vector128.Widen(lower);
        (Vector128<int> c, Vector128<int> d) = Vector128.Widen(upper);
        return (Vector128.ConvertToSingle(a), Vector128.ConvertToSingle(b), Vector128.ConvertToSingle(c), Vector128.ConvertToSingle(d));
    }
}
