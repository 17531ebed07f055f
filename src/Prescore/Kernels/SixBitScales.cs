using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Prescore.Kernels;

/// <summary>
/// The twelve bytes in which ggml's Q4_K and Q5_K keep eight 6-bit scales and eight 6-bit minimums. Bytes 0–3 and 4–7 hold
/// the first four of each in their low six bits; bytes 8–11 the low nibbles of the last four (scales low, minimums high),
/// whose upper two bits are the high bits of bytes 0–7.
/// </summary>
internal static unsafe class SixBitScales
{
    /// <summary>Writes eight products scale · <paramref name="d"/>, then eight minimum · <paramref name="min"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Expand(byte* packed, float d, float min, float* products)
    {
        (Vector128<ushort> lower, Vector128<ushort> upper) = Vector128.Widen(Unpack(packed));
        Store(lower, d, products);
        Store(upper, min, products + 8);
    }

    /// <summary>Eight scales, then eight minimums.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<byte> Unpack(byte* packed)
    {
        uint first = *(uint*)packed, second = *(uint*)(packed + 4), third = *(uint*)(packed + 8);
        ulong scales = (first & 0x3F3F3F3F) | (ulong)((third & 0x0F0F0F0F) | ((first >> 2) & 0x30303030)) << 32;
        ulong minimums = (second & 0x3F3F3F3F) | (ulong)(((third >> 4) & 0x0F0F0F0F) | ((second >> 2) & 0x30303030)) << 32;
        return Vector128.Create(scales, minimums).AsByte();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(Vector128<ushort> numbers, float factor, float* products)
    {
        (Vector128<uint> lower, Vector128<uint> upper) = Vector128.Widen(numbers);
        (Vector128.ConvertToSingle(lower.AsInt32()) * factor).Store(products);
        (Vector128.ConvertToSingle(upper.AsInt32()) * factor).Store(products + 4);
    }
}
