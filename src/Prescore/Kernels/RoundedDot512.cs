using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Prescore.Kernels;

/// <summary>
/// Dot products of two stored rows of K-quants with one row of activations rounded to 16 bits: what decoding does. Integer
/// products take half the instructions of floats here. The numbers of a block stay where they are: 16-bit shifts bring every
/// fourth (Q4_K, Q5_K) or every second (Q6_K) of 64 bytes' into lanes, and the activations lie in that order. Minimums and
/// offsets are taken off by the activations' sums.
/// </summary>
internal static unsafe class RoundedDot512
{
    private const byte OrAnd = 0xF8;

    /// <summary>Of each 128 values: the low numbers of even and of odd bytes, then the high ones.</summary>
    public static ActivationOrder NibbleOrder { get; } = new(
        [.. Enumerable.Range(0, 256).Select(i => i / 128 * 128 + i % 32 / 16 * 64 + i % 128 / 64 * 32 + i % 64 / 32 + 2 * (i % 16))], SumLength: 32, FirstSum: 8);

    /// <summary>Of each 64 values the even ones, then the odd ones.</summary>
    public static ActivationOrder ByteOrder { get; } = new(
        [.. Enumerable.Range(0, 256).Select(i => i / 64 * 64 + i % 64 / 32 + 2 * (i % 32))], SumLength: 16, FirstSum: 0);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_K(byte* first, byte* second, short* x, float* factors, nint blocks, float* sums)
    {
        byte* ahead = first + Dot512.Ahead;
        Vector512<float> a = default, b = default, c = default, d = default;
        for (short* end = x + blocks * RoundedActivations.BlockLength; x < end; first += 144, second += 144, factors += RoundedActivations.FactorCount)
        {
            Vector512<float> firstScales = SubBlockScales(first, factors, ref a), secondScales = SubBlockScales(second, factors, ref c);
            for (int half = 0; half < 2; half++, x += 128)
            {
                ahead = Dot512.Ask(ahead, 144);
                Nibbles(Vector512.Load(first + 16 + 64 * half), default, firstScales, half, x, ref b);
                Nibbles(Vector512.Load(second + 16 + 64 * half), default, secondScales, half, x, ref d);
            }
        }
        Sum(a + b, c + d, sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q5_K(byte* first, byte* second, short* x, float* factors, nint blocks, float* sums)
    {
        byte* ahead = first + Dot512.Ahead;
        Vector512<float> a = default, b = default, c = default, d = default;
        for (short* end = x + blocks * RoundedActivations.BlockLength; x < end; first += 176, second += 176, factors += RoundedActivations.FactorCount)
        {
            Vector512<float> firstScales = SubBlockScales(first, factors, ref a), secondScales = SubBlockScales(second, factors, ref c);
            Vector512<ushort> firstFifth = FifthBits(first + 16), secondFifth = FifthBits(second + 16);
            for (int half = 0; half < 2; half++, x += 128)
            {
                ahead = Dot512.Ask(ahead, 176);
                Nibbles(Vector512.Load(first + 48 + 64 * half), firstFifth >>> 4 * half, firstScales, half, x, ref b);
                Nibbles(Vector512.Load(second + 48 + 64 * half), secondFifth >>> 4 * half, secondScales, half, x, ref d);
            }
        }
        Sum(a + b, c + d, sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q6_K(byte* first, byte* second, short* x, float* factors, nint blocks, float* sums)
    {
        byte* ahead = first + Dot512.Ahead;
        float* halves = HalfTable.Values;
        Vector512<float> a = default, b = default, c = default, d = default;
        for (short* end = x + blocks * RoundedActivations.BlockLength; x < end; first += 210, second += 210, factors += RoundedActivations.FactorCount)
        {
            float scale = factors[RoundedActivations.ScaleFactor];
            Vector512<float> offsets = Vector512.Load(factors) * Vector512.Create(-32f);
            Vector512<float> firstScales = Expand512.Signed(first + 192) * Vector512.Create(halves[*(ushort*)(first + 208)]);
            Vector512<float> secondScales = Expand512.Signed(second + 192) * Vector512.Create(halves[*(ushort*)(second + 208)]);
            a = Vector512.FusedMultiplyAdd(firstScales, offsets, a);
            c = Vector512.FusedMultiplyAdd(secondScales, offsets, c);
            firstScales *= scale;
            secondScales *= scale;
            for (int half = 0; half < 2; half++, x += 128)
            {
                ahead = Dot512.Ask(ahead, 210);
                SixBits(first, half, firstScales, x, ref b);
                SixBits(second, half, secondScales, x, ref d);
            }
        }
        Sum(a + b, c + d, sums);
    }

    /// <summary>
    /// d · scale of the eight sub-blocks times the activations' scale; what their minimums take off is added to <paramref name="sum"/>.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> SubBlockScales(byte* block, float* factors, ref Vector512<float> sum)
    {
        float* halves = HalfTable.Values;
        Vector512<float> products = Vector512.ConvertToSingle(Avx512F.ConvertToVector512Int32(SixBitScales.Unpack(block + 4)))
            * Vector512.Create(Vector256.Create(halves[*(ushort*)block]), Vector256.Create(-halves[*(ushort*)(block + 2)]));
        // The sums are zero in the scales' lanes.
        sum = Vector512.FusedMultiplyAdd(products, Vector512.Load(factors), sum);
        return products * factors[RoundedActivations.ScaleFactor];
    }

    /// <summary>The fifth bits of Q5_K so that those of a half's four sub-blocks are at bits 0, 1, 8 and 9 of every lane.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ushort> FifthBits(byte* bits)
    {
        Vector256<byte> all = Vector256.Load(bits);
        return Avx512BW.ShiftRightLogicalVariable(Vector512.Create(all, all).AsUInt16(), Vector512.Create(Vector256<ushort>.Zero, Vector256.Create((ushort)2)));
    }

    /// <summary>128 values of four sub-blocks: sixty-four bytes, with fifth bits or none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Nibbles(Vector512<byte> bytes, Vector512<ushort> fifth, Vector512<float> scales, int half, short* x, ref Vector512<float> sum)
    {
        Vector512<ushort> numbers = bytes.AsUInt16(), fifteen = Vector512.Create((ushort)15);
        Vector512<int> low = Multiply(WithFifth(numbers & fifteen, fifth << 4), x) + Multiply(WithFifth((numbers >>> 8) & fifteen, fifth >>> 4), x + 32);
        Vector512<int> high = Multiply(WithFifth((numbers >>> 4) & fifteen, fifth << 3), x + 64) + Multiply(WithFifth(numbers >>> 12, fifth >>> 5), x + 96);
        Vector512<int> lowScales = Vector512.Create(Vector256.Create(4 * half), Vector256.Create(4 * half + 2));
        sum = Vector512.FusedMultiplyAdd(Vector512.ConvertToSingle(low), Avx512F.PermuteVar16x32(scales, lowScales), sum);
        sum = Vector512.FusedMultiplyAdd(Vector512.ConvertToSingle(high), Avx512F.PermuteVar16x32(scales, lowScales + Vector512<int>.One), sum);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<ushort> WithFifth(Vector512<ushort> numbers, Vector512<ushort> fifth) =>
        Avx512F.TernaryLogic(numbers, fifth, Vector512.Create((ushort)16), OrAnd);

    /// <summary>128 values of eight sub-blocks of sixteen.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void SixBits(byte* block, int half, Vector512<float> scales, short* x, ref Vector512<float> sum)
    {
        (Vector512<byte> first, Vector512<byte> second) = Expand512.SixBits(block, half);
        Vector512<ushort> mask = Vector512.Create((ushort)255), low = first.AsUInt16(), high = second.AsUInt16();
        Vector512<int> lowSums = Multiply(low & mask, x) + Multiply(low >>> 8, x + 32), highSums = Multiply(high & mask, x + 64) + Multiply(high >>> 8, x + 96);
        Vector512<int> lowScales = Vector512<int>.Indices >>> 2;
        lowScales += Vector512.Create(8 * half);
        sum = Vector512.FusedMultiplyAdd(Vector512.ConvertToSingle(lowSums), Avx512F.PermuteVar16x32(scales, lowScales), sum);
        sum = Vector512.FusedMultiplyAdd(Vector512.ConvertToSingle(highSums), Avx512F.PermuteVar16x32(scales, lowScales + Vector512.Create(4)), sum);
    }

    /// <summary>Products of neighbouring lanes, in pairs: at most 2 · 63 · 32767.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<int> Multiply(Vector512<ushort> numbers, short* x) => Avx512BW.MultiplyAddAdjacent(numbers.AsInt16(), Vector512.Load(x));

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sum(Vector512<float> first, Vector512<float> second, float* sums)
    {
        sums[0] = Vector512.Sum(first);
        sums[1] = Vector512.Sum(second);
    }
}
