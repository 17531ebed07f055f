using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Prescore.Kernels;

/// <summary>
/// Dot products of two stored rows with one row of floats, with 512-bit vectors: what decoding does. Values are expanded in
/// registers as <see cref="Expand512"/> does and used at once. Two rows at a time share the loads of x and keep four chains of
/// multiply-adds going.
/// </summary>
internal static unsafe class Dot512
{
    /// <summary>How many bytes behind the first row lies what is asked for. The second row follows the first, so both are asked for as one.</summary>
    internal const int Ahead = 8192;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void F32(byte* first, byte* second, float* x, nint depth, float* sums)
    {
        byte* ahead = first + Ahead;
        Vector512<float> a = default, b = default, c = default, d = default;
        nint i = 0;
        for (; i + 32 <= depth; i += 32)
        {
            ahead = Ask(ahead, 2 * 32 * sizeof(float));
            Vector512<float> x0 = Vector512.Load(x + i), x1 = Vector512.Load(x + i + 16);
            a = Vector512.FusedMultiplyAdd(Vector512.Load((float*)first + i), x0, a);
            b = Vector512.FusedMultiplyAdd(Vector512.Load((float*)first + i + 16), x1, b);
            c = Vector512.FusedMultiplyAdd(Vector512.Load((float*)second + i), x0, c);
            d = Vector512.FusedMultiplyAdd(Vector512.Load((float*)second + i + 16), x1, d);
        }
        Sum(a + b, c + d, sums);
        for (; i < depth; i++)
        {
            sums[0] += ((float*)first)[i] * x[i];
            sums[1] += ((float*)second)[i] * x[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void F16(byte* first, byte* second, float* x, nint depth, float* sums)
    {
        byte* ahead = first + Ahead;
        Vector512<float> a = default, b = default;
        nint i = 0;
        for (; i + 16 <= depth; i += 16)
        {
            ahead = Ask(ahead, 2 * 16 * sizeof(ushort));
            Vector512<float> x0 = Vector512.Load(x + i);
            a = Vector512.FusedMultiplyAdd(Expand512.Halves((ushort*)first + i), x0, a);
            b = Vector512.FusedMultiplyAdd(Expand512.Halves((ushort*)second + i), x0, b);
        }
        Sum(a, b, sums);
        float* table = HalfTable.Values;
        for (; i < depth; i++)
        {
            sums[0] += table[((ushort*)first)[i]] * x[i];
            sums[1] += table[((ushort*)second)[i]] * x[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void BF16(byte* first, byte* second, float* x, nint depth, float* sums)
    {
        byte* ahead = first + Ahead;
        Vector512<float> a = default, b = default;
        nint i = 0;
        for (; i + 16 <= depth; i += 16)
        {
            ahead = Ask(ahead, 2 * 16 * sizeof(ushort));
            Vector512<float> x0 = Vector512.Load(x + i);
            a = Vector512.FusedMultiplyAdd(Expand512.Upper((ushort*)first + i), x0, a);
            b = Vector512.FusedMultiplyAdd(Expand512.Upper((ushort*)second + i), x0, b);
        }
        Sum(a, b, sums);
        for (; i < depth; i++)
        {
            sums[0] += BitConverter.Int32BitsToSingle(((ushort*)first)[i] << 16) * x[i];
            sums[1] += BitConverter.Int32BitsToSingle(((ushort*)second)[i] << 16) * x[i];
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_0(byte* first, byte* second, float* x, nint depth, float* sums)
    {
        byte* ahead = first + Ahead;
        float* halves = HalfTable.Values;
        Vector512<float> numbers = Expand512.Sixteen - Vector512.Create(8f);
        Vector512<float> a = default, b = default, c = default, d = default;
        for (float* end = x + depth; x < end; x += 32, first += 18, second += 18)
        {
            ahead = Ask(ahead, 2 * 18);
            Vector512<float> x0 = Vector512.Load(x), x1 = Vector512.Load(x + 16);
            Nibbles(first + 2, numbers * Vector512.Create(halves[*(ushort*)first]), x0, x1, ref a, ref b);
            Nibbles(second + 2, numbers * Vector512.Create(halves[*(ushort*)second]), x0, x1, ref c, ref d);
        }
        Sum(a + b, c + d, sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q4_1(byte* first, byte* second, float* x, nint depth, float* sums)
    {
        byte* ahead = first + Ahead;
        float* halves = HalfTable.Values;
        Vector512<float> numbers = Expand512.Sixteen;
        Vector512<float> a = default, b = default, c = default, d = default;
        for (float* end = x + depth; x < end; x += 32, first += 20, second += 20)
        {
            ahead = Ask(ahead, 2 * 20);
            Vector512<float> x0 = Vector512.Load(x), x1 = Vector512.Load(x + 16);
            Vector512<float> scale = Vector512.Create(halves[*(ushort*)first]), minimum = Vector512.Create(halves[*(ushort*)(first + 2)]);
            Nibbles(first + 4, Vector512.FusedMultiplyAdd(numbers, scale, minimum), x0, x1, ref a, ref b);
            scale = Vector512.Create(halves[*(ushort*)second]);
            minimum = Vector512.Create(halves[*(ushort*)(second + 2)]);
            Nibbles(second + 4, Vector512.FusedMultiplyAdd(numbers, scale, minimum), x0, x1, ref c, ref d);
        }
        Sum(a + b, c + d, sums);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Q8_0(byte* first, byte* second, float* x, nint depth, float* sums)
    {
        byte* ahead = first + Ahead;
        float* halves = HalfTable.Values;
        Vector512<float> a = default, b = default;
        for (float* end = x + depth; x < end; x += 32, first += 34, second += 34)
        {
            ahead = Ask(ahead, 2 * 34);
            Vector512<float> x0 = Vector512.Load(x), x1 = Vector512.Load(x + 16);
            Vector512<float> sum = Vector512.FusedMultiplyAdd(Expand512.Signed(first + 18), x1, Expand512.Signed(first + 2) * x0);
            a = Vector512.FusedMultiplyAdd(sum, Vector512.Create(halves[*(ushort*)first]), a);
            sum = Vector512.FusedMultiplyAdd(Expand512.Signed(second + 18), x1, Expand512.Signed(second + 2) * x0);
            b = Vector512.FusedMultiplyAdd(sum, Vector512.Create(halves[*(ushort*)second]), b);
        }
        Sum(a, b, sums);
    }

    /// <summary>
    /// Asks for the cache lines that <paramref name="bytes"/> from a place on lie in; returns where they end. Rows of a few
    /// hundred bytes are too short for the processor to read the next ones while it computes with these.
    /// </summary>
    /// <param name="place">What is read some rows later.</param>
    /// <param name="bytes">What one step reads of both rows together: at most four lines.</param>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static byte* Ask(byte* place, [ConstantExpected] int bytes)
    {
        const int LineBytes = 64;
        Sse.Prefetch1(place);
        if (bytes > LineBytes)
        {
            Sse.Prefetch1(place + LineBytes);
        }
        if (bytes > 2 * LineBytes)
        {
            Sse.Prefetch1(place + 2 * LineBytes);
            Sse.Prefetch1(place + 3 * LineBytes);
        }
        return place + bytes;
    }

    /// <summary>One block of 32: the low numbers of sixteen bytes with x0, the high ones with x1.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Nibbles(byte* bytes, Vector512<float> table, Vector512<float> x0, Vector512<float> x1, ref Vector512<float> a, ref Vector512<float> b)
    {
        Vector512<int> indices = Avx512F.ConvertToVector512Int32(Vector128.Load(bytes));
        a = Vector512.FusedMultiplyAdd(Avx512F.PermuteVar16x32(table, indices), x0, a);
        b = Vector512.FusedMultiplyAdd(Avx512F.PermuteVar16x32(table, indices >>> 4), x1, b);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Sum(Vector512<float> first, Vector512<float> second, float* sums)
    {
        sums[0] = Vector512.Sum(first);
        sums[1] = Vector512.Sum(second);
    }
}
