using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Prescore.Kernels;

/// <summary>Screening: which rows a cluster may have members for, and which of its keys they are.</summary>
internal readonly unsafe partial struct Kernel512
{
    public static int Screen(byte* codes, int count, int quads, int* query, int threshold, int* indices, int* dots)
    {
        if (!Avx512BW.IsSupported)
        {
            return Kernel256.Screen(codes, count, quads, query, threshold, indices, dots);
        }
        return quads switch
        {
            4 => ScreenFour(codes, count, query, threshold, indices, dots),
            8 => ScreenEight(codes, count, query, threshold, indices, dots),
            _ => ScreenAny(codes, count, quads, query, threshold, indices, dots),
        };
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static int CollectReaching(
        float* logits, double offset, double* thresholds, double* perSteps, float* bands, nint stride, float* radii, int count, int* rows, int* least)
    {
        if (!Avx512F.IsSupported)
        {
            return Kernel256.CollectReaching(logits, offset, thresholds, perSteps, bands, stride, radii, count, rows, least);
        }
        Vector512<float> r0 = Vector512.Create(radii[0]), r1 = Vector512.Create(radii[1]), r2 = Vector512.Create(radii[2]);
        Vector512<int> end = Vector512.Create(count);
        int found = 0;
        for (int i = 0; i < count; i += 16)
        {
            Vector256<int> low = LeastProducts(logits + i, offset, thresholds + i, perSteps + i, out Vector256<int> lowKnown);
            Vector256<int> high = LeastProducts(logits + i + 8, offset, thresholds + i + 8, perSteps + i + 8, out Vector256<int> highKnown);
            Vector512<int> product = Vector512.Create(low, high);
            Vector512<float> squared = Vector512.FusedMultiplyAdd(Vector512.Load(bands + stride + i), r1, Vector512.Load(bands + i) * r0);
            squared = Vector512.FusedMultiplyAdd(Vector512.Load(bands + 2 * stride + i), r2, squared);
            Vector512<float> single = Vector512.ConvertToSingle(product);
            Vector512<int> row = Vector512<int>.Indices + Vector512.Create(i);
            Vector512<int> reaching = Vector512.LessThanOrEqual(product, Vector512<int>.Zero)
                | Vector512.LessThanOrEqual(single * single, squared).AsInt32();
            reaching &= Vector512.Create(lowKnown, highKnown) & Vector512.LessThan(row, end);
            Avx512F.Compress(Vector512<int>.Zero, reaching, row).Store(rows + found);
            Avx512F.Compress(Vector512<int>.Zero, reaching, product).Store(least + found);
            found += BitOperations.PopCount(reaching.ExtractMostSignificantBits());
        }
        return found;
    }

    /// <summary>Eight of the least products of <see cref="CollectReaching"/>; and all bits where there is one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<int> LeastProducts(float* logits, double offset, double* thresholds, double* perSteps, out Vector256<int> known)
    {
        Vector512<double> logit = Avx512F.ConvertToVector512Double(Vector256.Load(logits));
        Vector512<double> missing = Vector512.Load(thresholds) - logit - Vector512.Create(offset);
        Vector512<double> product = Vector512.Ceiling(missing * Vector512.Load(perSteps));
        product = Vector512.MinNative(Vector512.MaxNative(product, Vector512.Create((double)SketchLayout.AnyProduct)), Vector512.Create((double)int.MaxValue));
        known = Vector512.Narrow(Vector512.Equals(missing, missing).AsInt64(), Vector512<long>.Zero).GetLower();
        return Avx512F.ConvertToVector256Int32WithTruncation(product);
    }

    /// <summary>Rank 16: the query stays in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int ScreenFour(byte* codes, int count, int* query, int threshold, int* indices, int* dots)
    {
        Vector512<sbyte> q0 = Quad(query, 0), q1 = Quad(query, 1), q2 = Quad(query, 2), q3 = Quad(query, 3);
        Vector512<int> t = Vector512.Create(threshold);
        Vector512<int> end = Vector512.Create(count);
        int found = 0;
        for (int first = 0; first < count; first += 16, codes += 256)
        {
            found = Collect(FourQuads(codes, q0, q1, q2, q3), t, Vector512<int>.Indices + Vector512.Create(first), end, found, indices, dots);
        }
        return found;
    }

    /// <summary>Rank 32: the query stays in registers.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int ScreenEight(byte* codes, int count, int* query, int threshold, int* indices, int* dots)
    {
        Vector512<sbyte> q0 = Quad(query, 0), q1 = Quad(query, 1), q2 = Quad(query, 2), q3 = Quad(query, 3);
        Vector512<sbyte> q4 = Quad(query, 4), q5 = Quad(query, 5), q6 = Quad(query, 6), q7 = Quad(query, 7);
        Vector512<int> t = Vector512.Create(threshold);
        Vector512<int> end = Vector512.Create(count);
        int found = 0;
        for (int first = 0; first < count; first += 16, codes += 512)
        {
            Vector512<short> sum = FourQuads(codes, q0, q1, q2, q3) + FourQuads(codes + 256, q4, q5, q6, q7);
            found = Collect(sum, t, Vector512<int>.Indices + Vector512.Create(first), end, found, indices, dots);
        }
        return found;
    }

    /// <summary>Any rank.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static int ScreenAny(byte* codes, int count, int quads, int* query, int threshold, int* indices, int* dots)
    {
        Vector512<int> t = Vector512.Create(threshold);
        Vector512<int> end = Vector512.Create(count);
        int found = 0;
        for (int first = 0; first < count; first += 16)
        {
            Vector512<short> sum = default;
            for (nint quad = 0; quad < quads; quad++, codes += 64)
            {
                sum += Avx512BW.MultiplyAddAdjacent(Vector512.Load(codes), Quad(query, quad));
            }
            found = Collect(sum, t, Vector512<int>.Indices + Vector512.Create(first), end, found, indices, dots);
        }
        return found;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<sbyte> Quad(int* query, nint quad) => Vector512.Create(query[quad]).AsSByte();

    /// <summary>Two partial sums a key over four quads of a group.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<short> FourQuads(byte* codes, Vector512<sbyte> q0, Vector512<sbyte> q1, Vector512<sbyte> q2, Vector512<sbyte> q3)
    {
        Vector512<short> low = Avx512BW.MultiplyAddAdjacent(Vector512.Load(codes), q0)
            + Avx512BW.MultiplyAddAdjacent(Vector512.Load(codes + 64), q1);
        Vector512<short> high = Avx512BW.MultiplyAddAdjacent(Vector512.Load(codes + 128), q2)
            + Avx512BW.MultiplyAddAdjacent(Vector512.Load(codes + 192), q3);
        return low + high;
    }

    /// <summary>
    /// Writes the hits of a group, given two partial sums a key. Without a branch: most groups of a cluster worth
    /// screening have a hit or two, so that one would be mispredicted.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Collect(
        Vector512<short> sums, Vector512<int> threshold, Vector512<int> keys, Vector512<int> end, int found, int* indices, int* dots)
    {
        Vector512<int> dot = Avx512BW.MultiplyAddAdjacent(sums, Vector512.Create((short)1));
        Vector512<int> hits = Vector512.GreaterThanOrEqual(dot, threshold) & Vector512.LessThan(keys, end);
        Avx512F.Compress(Vector512<int>.Zero, hits, keys).Store(indices + found);
        if (dots != null)
        {
            Avx512F.Compress(Vector512<int>.Zero, hits, dot).Store(dots + found);
        }
        return found + BitOperations.PopCount(hits.ExtractMostSignificantBits());
    }
}
