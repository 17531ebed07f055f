using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Prescore.Kernels;

/// <summary>Screening: which rows a cluster may have members for, and which of its keys they are.</summary>
internal readonly unsafe partial struct Kernel256
{
    public static int Screen(byte* codes, int count, int quads, int* query, int threshold, int* indices, int* dots)
    {
        if (!Avx2.IsSupported)
        {
            return KernelScalar.Screen(codes, count, quads, query, threshold, indices, dots);
        }
        return quads == 4
            ? ScreenFour(codes, count, query, threshold, indices, dots)
            : ScreenAny(codes, count, quads, query, threshold, indices, dots);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int CollectReaching(
        float* logits, double offset, double* thresholds, double* perSteps, float* bands, nint stride, float* radii, int count, int* rows, int* least)
    {
        Vector256<float> r0 = Vector256.Create(radii[0]), r1 = Vector256.Create(radii[1]), r2 = Vector256.Create(radii[2]);
        int found = 0;
        for (int i = 0; i < count; i += 8)
        {
            Vector128<int> low = LeastProducts(logits + i, offset, thresholds + i, perSteps + i, out Vector128<int> lowKnown);
            Vector128<int> high = LeastProducts(logits + i + 4, offset, thresholds + i + 4, perSteps + i + 4, out Vector128<int> highKnown);
            Vector256<int> product = Vector256.Create(low, high);
            Vector256<float> squared = Vector256.FusedMultiplyAdd(Vector256.Load(bands + stride + i), r1, Vector256.Load(bands + i) * r0);
            squared = Vector256.FusedMultiplyAdd(Vector256.Load(bands + 2 * stride + i), r2, squared);
            Vector256<float> single = Vector256.ConvertToSingle(product);
            Vector256<int> reaching = Vector256.LessThanOrEqual(product, Vector256<int>.Zero)
                | Vector256.LessThanOrEqual(single * single, squared).AsInt32();
            uint mask = (reaching & Vector256.Create(lowKnown, highKnown)).ExtractMostSignificantBits();
            if (count - i < 8)
            {
                mask &= (1u << (count - i)) - 1;
            }
            for (; mask != 0; mask &= mask - 1)
            {
                int lane = BitOperations.TrailingZeroCount(mask);
                rows[found] = i + lane;
                least[found++] = product[lane];
            }
        }
        return found;
    }

    /// <summary>Four of the least products of <see cref="CollectReaching"/>; and all bits where there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<int> LeastProducts(float* logits, double offset, double* thresholds, double* perSteps, out Vector128<int> known)
    {
        Vector256<double> logit = Vector256.WidenLower(Vector256.Create(Vector128.Load(logits), default));
        Vector256<double> missing = Vector256.Load(thresholds) - logit - Vector256.Create(offset);
        Vector256<double> product = Vector256.Ceiling(missing * Vector256.Load(perSteps));
        product = Vector256.MinNative(Vector256.MaxNative(product, Vector256.Create((double)SketchLayout.AnyProduct)), Vector256.Create((double)int.MaxValue));
        known = Vector256.Narrow(Vector256.Equals(missing, missing).AsInt64(), Vector256<long>.Zero).GetLower();
        return Avx.IsSupported
            ? Avx.ConvertToVector128Int32WithTruncation(product)
            : Vector256.Narrow(Vector256.ConvertToInt64(product), Vector256<long>.Zero).GetLower();
    }

    /// <summary>Rank 16: the query stays in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int ScreenFour(byte* codes, int count, int* query, int threshold, int* indices, int* dots)
    {
        Vector256<sbyte> q0 = Vector256.Create(query[0]).AsSByte(), q1 = Vector256.Create(query[1]).AsSByte();
        Vector256<sbyte> q2 = Vector256.Create(query[2]).AsSByte(), q3 = Vector256.Create(query[3]).AsSByte();
        Vector256<int> t = Vector256.Create(threshold);
        int* lanes = stackalloc int[16];
        int found = 0;
        for (int first = 0; first < count; first += 16, codes += 256)
        {
            Vector256<short> left = FourQuads(codes, q0, q1, q2, q3);
            Vector256<short> right = FourQuads(codes + 32, q0, q1, q2, q3);
            found = Collect(left, right, t, lanes, first, count, found, indices, dots);
        }
        return found;
    }

    /// <summary>Any rank.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int ScreenAny(byte* codes, int count, int quads, int* query, int threshold, int* indices, int* dots)
    {
        Vector256<int> t = Vector256.Create(threshold);
        int* lanes = stackalloc int[16];
        int found = 0;
        for (int first = 0; first < count; first += 16)
        {
            Vector256<short> left = default, right = default;
            for (nint quad = 0; quad < quads; quad++, codes += 64)
            {
                Vector256<sbyte> q = Vector256.Create(query[quad]).AsSByte();
                left += Avx2.MultiplyAddAdjacent(Vector256.Load(codes), q);
                right += Avx2.MultiplyAddAdjacent(Vector256.Load(codes + 32), q);
            }
            found = Collect(left, right, t, lanes, first, count, found, indices, dots);
        }
        return found;
    }

    /// <summary>One bit a key that reaches the threshold. AVX2 compares only by greater, so the misses are found and inverted.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static uint Hits(Vector256<int> low, Vector256<int> high, Vector256<int> threshold) =>
        (Vector256.GreaterThan(threshold, low).ExtractMostSignificantBits()
        | Vector256.GreaterThan(threshold, high).ExtractMostSignificantBits() << 8) ^ 0xFFFF;

    /// <summary>Two partial sums a key over four quads, for half the keys of a group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<short> FourQuads(byte* codes, Vector256<sbyte> q0, Vector256<sbyte> q1, Vector256<sbyte> q2, Vector256<sbyte> q3) =>
        Avx2.MultiplyAddAdjacent(Vector256.Load(codes), q0)
        + Avx2.MultiplyAddAdjacent(Vector256.Load(codes + 64), q1)
        + (Avx2.MultiplyAddAdjacent(Vector256.Load(codes + 128), q2)
        + Avx2.MultiplyAddAdjacent(Vector256.Load(codes + 192), q3));

    /// <summary>
    /// Writes the hits of a group, given two partial sums a key of either half. Lanes beyond the last key are dropped off
    /// the usual way.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Collect(
        Vector256<short> left, Vector256<short> right, Vector256<int> threshold, int* lanes, int first, int count, int found, int* indices, int* dots)
    {
        Vector256<short> ones = Vector256.Create((short)1);
        Vector256<int> low = Avx2.MultiplyAddAdjacent(left, ones);
        Vector256<int> high = Avx2.MultiplyAddAdjacent(right, ones);
        uint hits = Hits(low, high, threshold);
        if (hits == 0)
        {
            return found;
        }
        if (count - first < 16)
        {
            hits &= (1u << (count - first)) - 1;
        }
        low.Store(lanes);
        high.Store(lanes + 8);
        for (; hits != 0; hits &= hits - 1)
        {
            int lane = BitOperations.TrailingZeroCount(hits);
            indices[found] = first + lane;
            if (dots != null)
            {
                dots[found] = lanes[lane];
            }
            found++;
        }
        return found;
    }
}
