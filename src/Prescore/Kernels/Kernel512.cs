using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Prescore.Kernels;

/// <summary>512-bit path: a 6×64 register tile (24 accumulators of 32 registers); a broadcast serves four multiply-adds.</summary>
internal readonly unsafe partial struct Kernel512 : IKernelPath
{
    public static int PanelWidth => 64;

    public static int Lanes => 16;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* a, nint aStride, float* b, nint depth, float* c, nint cStride, bool accumulate)
    {
        Vector512<float> c00 = default, c01 = default, c02 = default, c03 = default;
        Vector512<float> c10 = default, c11 = default, c12 = default, c13 = default;
        Vector512<float> c20 = default, c21 = default, c22 = default, c23 = default;
        Vector512<float> c30 = default, c31 = default, c32 = default, c33 = default;
        Vector512<float> c40 = default, c41 = default, c42 = default, c43 = default;
        Vector512<float> c50 = default, c51 = default, c52 = default, c53 = default;
        float* a3 = a + 3 * aStride;
        float* end = b + depth * 64;
        while (b < end)
        {
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16);
            Vector512<float> b2 = Vector512.Load(b + 32), b3 = Vector512.Load(b + 48);
            Vector512<float> x = Vector512.Create(*a);
            c00 = Vector512.FusedMultiplyAdd(x, b0, c00);
            c01 = Vector512.FusedMultiplyAdd(x, b1, c01);
            c02 = Vector512.FusedMultiplyAdd(x, b2, c02);
            c03 = Vector512.FusedMultiplyAdd(x, b3, c03);
            x = Vector512.Create(a[aStride]);
            c10 = Vector512.FusedMultiplyAdd(x, b0, c10);
            c11 = Vector512.FusedMultiplyAdd(x, b1, c11);
            c12 = Vector512.FusedMultiplyAdd(x, b2, c12);
            c13 = Vector512.FusedMultiplyAdd(x, b3, c13);
            x = Vector512.Create(a[2 * aStride]);
            c20 = Vector512.FusedMultiplyAdd(x, b0, c20);
            c21 = Vector512.FusedMultiplyAdd(x, b1, c21);
            c22 = Vector512.FusedMultiplyAdd(x, b2, c22);
            c23 = Vector512.FusedMultiplyAdd(x, b3, c23);
            x = Vector512.Create(*a3);
            c30 = Vector512.FusedMultiplyAdd(x, b0, c30);
            c31 = Vector512.FusedMultiplyAdd(x, b1, c31);
            c32 = Vector512.FusedMultiplyAdd(x, b2, c32);
            c33 = Vector512.FusedMultiplyAdd(x, b3, c33);
            x = Vector512.Create(a3[aStride]);
            c40 = Vector512.FusedMultiplyAdd(x, b0, c40);
            c41 = Vector512.FusedMultiplyAdd(x, b1, c41);
            c42 = Vector512.FusedMultiplyAdd(x, b2, c42);
            c43 = Vector512.FusedMultiplyAdd(x, b3, c43);
            x = Vector512.Create(a3[2 * aStride]);
            c50 = Vector512.FusedMultiplyAdd(x, b0, c50);
            c51 = Vector512.FusedMultiplyAdd(x, b1, c51);
            c52 = Vector512.FusedMultiplyAdd(x, b2, c52);
            c53 = Vector512.FusedMultiplyAdd(x, b3, c53);
            a++;
            a3++;
            b += 64;
        }
        Store(c, c00, c01, c02, c03, accumulate);
        Store(c + cStride, c10, c11, c12, c13, accumulate);
        Store(c + 2 * cStride, c20, c21, c22, c23, accumulate);
        Store(c + 3 * cStride, c30, c31, c32, c33, accumulate);
        Store(c + 4 * cStride, c40, c41, c42, c43, accumulate);
        Store(c + 5 * cStride, c50, c51, c52, c53, accumulate);
    }

    public static void MultiplyColumns(float* a, nint aStride, float* b, nint depth, float* c, nint cStride, nint columns)
    {
        switch (columns)
        {
            case <= 16:
                MultiplyOne(a, aStride, b, depth, c, cStride);
                break;
            case <= 32:
                MultiplyTwo(a, aStride, b, depth, c, cStride);
                break;
            default:
                Multiply(a, aStride, b, depth, c, cStride, accumulate: false);
                break;
        }
    }

    public static void MultiplyFew(float* a, nint aStride, nint rows, float* b, float* next, nint depth, float* c, nint cStride)
    {
        if (rows <= 4)
        {
            MultiplyFour(a, aStride, b, next, depth, c, cStride);
        }
        else
        {
            Multiply(a, aStride, b, depth, c, cStride, accumulate: false);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Dot(float* x, float* y, nint count)
    {
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        nint i = 0;
        for (; i + 64 <= count; i += 64)
        {
            s0 = Vector512.FusedMultiplyAdd(Vector512.Load(x + i), Vector512.Load(y + i), s0);
            s1 = Vector512.FusedMultiplyAdd(Vector512.Load(x + i + 16), Vector512.Load(y + i + 16), s1);
            s2 = Vector512.FusedMultiplyAdd(Vector512.Load(x + i + 32), Vector512.Load(y + i + 32), s2);
            s3 = Vector512.FusedMultiplyAdd(Vector512.Load(x + i + 48), Vector512.Load(y + i + 48), s3);
        }
        for (; i < count; i += 16)
        {
            s0 = Vector512.FusedMultiplyAdd(Vector512.Load(x + i), Vector512.Load(y + i), s0);
        }
        return Vector512.Sum((s0 + s1) + (s2 + s3));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(float* row, float* bias, nint count)
    {
        for (nint i = 0; i < count; i += 16)
        {
            (Vector512.Load(row + i) + Vector512.Load(bias + i)).Store(row + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(float* row, float factor, nint count)
    {
        Vector512<float> f = Vector512.Create(factor);
        for (nint i = 0; i < count; i += 16)
        {
            (Vector512.Load(row + i) * f).Store(row + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Max(float* row, nint count)
    {
        Vector512<float> m0 = Vector512.Load(row), m1 = m0, m2 = m0, m3 = m0;
        nint i = 0;
        for (; i + 64 <= count; i += 64)
        {
            m0 = Vector512.MaxNative(m0, Vector512.Load(row + i));
            m1 = Vector512.MaxNative(m1, Vector512.Load(row + i + 16));
            m2 = Vector512.MaxNative(m2, Vector512.Load(row + i + 32));
            m3 = Vector512.MaxNative(m3, Vector512.Load(row + i + 48));
        }
        for (; i < count; i += 16)
        {
            m0 = Vector512.MaxNative(m0, Vector512.Load(row + i));
        }
        return Largest(Vector512.MaxNative(Vector512.MaxNative(m0, m1), Vector512.MaxNative(m2, m3)));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float ExpSum(float* row, float maximum, nint count)
    {
        Vector512<float> m = Vector512.Create(maximum);
        Vector512<float> sum = default;
        for (nint i = 0; i < count; i += 16)
        {
            Vector512<float> e = Exp(Vector512.Load(row + i) - m);
            e.Store(row + i);
            sum += e;
        }
        // Summed as in ExpFour: a row's bits do not depend on those beside it.
        return Sums(sum, sum, sum, sum).ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void MaxFour(float* rows, nint stride, nint count, float* maxima)
    {
        float* r1 = rows + stride, r2 = rows + 2 * stride, r3 = rows + 3 * stride;
        Vector512<float> m0 = Vector512.Load(rows), m1 = Vector512.Load(r1), m2 = Vector512.Load(r2), m3 = Vector512.Load(r3);
        for (nint i = 16; i < count; i += 16)
        {
            m0 = Vector512.MaxNative(m0, Vector512.Load(rows + i));
            m1 = Vector512.MaxNative(m1, Vector512.Load(r1 + i));
            m2 = Vector512.MaxNative(m2, Vector512.Load(r2 + i));
            m3 = Vector512.MaxNative(m3, Vector512.Load(r3 + i));
        }
        Largest(m0, m1, m2, m3).Store(maxima);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void ExpFour(float* rows, nint stride, nint count, float* maxima, float* sums)
    {
        float* r1 = rows + stride, r2 = rows + 2 * stride, r3 = rows + 3 * stride;
        Vector512<float> m0 = Vector512.Create(maxima[0]), m1 = Vector512.Create(maxima[1]);
        Vector512<float> m2 = Vector512.Create(maxima[2]), m3 = Vector512.Create(maxima[3]);
        Vector512<float> s0 = default, s1 = default, s2 = default, s3 = default;
        for (nint i = 0; i < count; i += 16)
        {
            Vector512<float> e0 = Exp(Vector512.Load(rows + i) - m0), e1 = Exp(Vector512.Load(r1 + i) - m1);
            Vector512<float> e2 = Exp(Vector512.Load(r2 + i) - m2), e3 = Exp(Vector512.Load(r3 + i) - m3);
            e0.Store(rows + i);
            e1.Store(r1 + i);
            e2.Store(r2 + i);
            e3.Store(r3 + i);
            s0 += e0;
            s1 += e1;
            s2 += e2;
            s3 += e3;
        }
        (Vector128.Load(sums) + Sums(s0, s1, s2, s3)).Store(sums);
    }

    public static bool AllFinite(float* row, nint count) => Kernel256.AllFinite(row, count);

    public static void Transpose8(float** rows, nint depth, float* panel) => Transpose.Eight(rows, depth, panel, 64);

    /// <summary>All bits of the first <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> Present(nint count) =>
        Vector512.LessThan(Vector512<int>.Indices, Vector512.Create((int)count)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static float Largest(Vector512<float> m)
    {
        Vector256<float> q = Vector256.MaxNative(m.GetLower(), m.GetUpper());
        Vector128<float> h = Vector128.MaxNative(q.GetLower(), q.GetUpper());
        h = Vector128.MaxNative(h, Vector128.Shuffle(h, Vector128.Create(2, 3, 0, 1)));
        h = Vector128.MaxNative(h, Vector128.Shuffle(h, Vector128.Create(1, 0, 3, 2)));
        return h.ToScalar();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Quarter(Vector512<float> v)
    {
        Vector256<float> half = v.GetLower() + v.GetUpper();
        return half.GetLower() + half.GetUpper();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> LargestQuarter(Vector512<float> v)
    {
        Vector256<float> half = Vector256.MaxNative(v.GetLower(), v.GetUpper());
        return Vector128.MaxNative(half.GetLower(), half.GetUpper());
    }

    /// <summary>The sums of four vectors' lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Sums(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d)
    {
        (Vector128<float> t0, Vector128<float> t1, Vector128<float> t2, Vector128<float> t3) = Transpose.Four(Quarter(a), Quarter(b), Quarter(c), Quarter(d));
        return (t0 + t2) + (t1 + t3);
    }

    /// <summary>The largest of four vectors' lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector128<float> Largest(Vector512<float> a, Vector512<float> b, Vector512<float> c, Vector512<float> d)
    {
        (Vector128<float> t0, Vector128<float> t1, Vector128<float> t2, Vector128<float> t3) =
            Transpose.Four(LargestQuarter(a), LargestQuarter(b), LargestQuarter(c), LargestQuarter(d));
        return Vector128.MaxNative(Vector128.MaxNative(t0, t1), Vector128.MaxNative(t2, t3));
    }

    /// <summary>e^x for x ≤ 0; see <see cref="ExpConstants"/>. (Vector512.Exp of the framework widens to double.)</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector512<float> Exp(Vector512<float> x)
    {
        x = Vector512.MaxNative(x, Vector512.Create(ExpConstants.Lowest));
        Vector512<float> shifted = Vector512.FusedMultiplyAdd(x, Vector512.Create(ExpConstants.Log2E), Vector512.Create(ExpConstants.RoundingShift));
        Vector512<float> n = shifted - Vector512.Create(ExpConstants.RoundingShift);
        Vector512<float> r = Vector512.FusedMultiplyAdd(n, Vector512.Create(-ExpConstants.Ln2), x);
        Vector512<float> p = Vector512.FusedMultiplyAdd(r, Vector512.Create(ExpConstants.C5), Vector512.Create(ExpConstants.C4));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(ExpConstants.C3));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(ExpConstants.C2));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f));
        p = Vector512.FusedMultiplyAdd(p, r, Vector512.Create(1f));
        return (p.AsInt32() + (shifted.AsInt32() << 23)).AsSingle();
    }

    /// <summary>Four rows, 4×64; the next panel comes to the second-level cache meanwhile.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyFour(float* a, nint aStride, float* b, float* next, nint depth, float* c, nint cStride)
    {
        Vector512<float> c00 = default, c01 = default, c02 = default, c03 = default;
        Vector512<float> c10 = default, c11 = default, c12 = default, c13 = default;
        Vector512<float> c20 = default, c21 = default, c22 = default, c23 = default;
        Vector512<float> c30 = default, c31 = default, c32 = default, c33 = default;
        float* a3 = a + 3 * aStride;
        float* end = b + depth * 64;
        while (b < end)
        {
            Sse.Prefetch1(next);
            Sse.Prefetch1(next + 16);
            Sse.Prefetch1(next + 32);
            Sse.Prefetch1(next + 48);
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16);
            Vector512<float> b2 = Vector512.Load(b + 32), b3 = Vector512.Load(b + 48);
            Vector512<float> x = Vector512.Create(*a);
            c00 = Vector512.FusedMultiplyAdd(x, b0, c00);
            c01 = Vector512.FusedMultiplyAdd(x, b1, c01);
            c02 = Vector512.FusedMultiplyAdd(x, b2, c02);
            c03 = Vector512.FusedMultiplyAdd(x, b3, c03);
            x = Vector512.Create(a[aStride]);
            c10 = Vector512.FusedMultiplyAdd(x, b0, c10);
            c11 = Vector512.FusedMultiplyAdd(x, b1, c11);
            c12 = Vector512.FusedMultiplyAdd(x, b2, c12);
            c13 = Vector512.FusedMultiplyAdd(x, b3, c13);
            x = Vector512.Create(a[2 * aStride]);
            c20 = Vector512.FusedMultiplyAdd(x, b0, c20);
            c21 = Vector512.FusedMultiplyAdd(x, b1, c21);
            c22 = Vector512.FusedMultiplyAdd(x, b2, c22);
            c23 = Vector512.FusedMultiplyAdd(x, b3, c23);
            x = Vector512.Create(*a3);
            c30 = Vector512.FusedMultiplyAdd(x, b0, c30);
            c31 = Vector512.FusedMultiplyAdd(x, b1, c31);
            c32 = Vector512.FusedMultiplyAdd(x, b2, c32);
            c33 = Vector512.FusedMultiplyAdd(x, b3, c33);
            a++;
            a3++;
            b += 64;
            next += 64;
        }
        Store(c, c00, c01, c02, c03, accumulate: false);
        Store(c + cStride, c10, c11, c12, c13, accumulate: false);
        Store(c + 2 * cStride, c20, c21, c22, c23, accumulate: false);
        Store(c + 3 * cStride, c30, c31, c32, c33, accumulate: false);
    }

    /// <summary>One vector of the panel: 6×16.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyOne(float* a, nint aStride, float* b, nint depth, float* c, nint cStride)
    {
        Vector512<float> c00 = default, c10 = default, c20 = default, c30 = default, c40 = default, c50 = default;
        float* a3 = a + 3 * aStride;
        float* end = b + depth * 64;
        while (b < end)
        {
            Vector512<float> b0 = Vector512.Load(b);
            c00 = Vector512.FusedMultiplyAdd(Vector512.Create(*a), b0, c00);
            c10 = Vector512.FusedMultiplyAdd(Vector512.Create(a[aStride]), b0, c10);
            c20 = Vector512.FusedMultiplyAdd(Vector512.Create(a[2 * aStride]), b0, c20);
            c30 = Vector512.FusedMultiplyAdd(Vector512.Create(*a3), b0, c30);
            c40 = Vector512.FusedMultiplyAdd(Vector512.Create(a3[aStride]), b0, c40);
            c50 = Vector512.FusedMultiplyAdd(Vector512.Create(a3[2 * aStride]), b0, c50);
            a++;
            a3++;
            b += 64;
        }
        c00.Store(c);
        c10.Store(c + cStride);
        c20.Store(c + 2 * cStride);
        c30.Store(c + 3 * cStride);
        c40.Store(c + 4 * cStride);
        c50.Store(c + 5 * cStride);
    }

    /// <summary>Two vectors of the panel: 6×32.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyTwo(float* a, nint aStride, float* b, nint depth, float* c, nint cStride)
    {
        Vector512<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        Vector512<float> c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        float* a3 = a + 3 * aStride;
        float* end = b + depth * 64;
        while (b < end)
        {
            Vector512<float> b0 = Vector512.Load(b), b1 = Vector512.Load(b + 16);
            Vector512<float> x = Vector512.Create(*a);
            c00 = Vector512.FusedMultiplyAdd(x, b0, c00);
            c01 = Vector512.FusedMultiplyAdd(x, b1, c01);
            x = Vector512.Create(a[aStride]);
            c10 = Vector512.FusedMultiplyAdd(x, b0, c10);
            c11 = Vector512.FusedMultiplyAdd(x, b1, c11);
            x = Vector512.Create(a[2 * aStride]);
            c20 = Vector512.FusedMultiplyAdd(x, b0, c20);
            c21 = Vector512.FusedMultiplyAdd(x, b1, c21);
            x = Vector512.Create(*a3);
            c30 = Vector512.FusedMultiplyAdd(x, b0, c30);
            c31 = Vector512.FusedMultiplyAdd(x, b1, c31);
            x = Vector512.Create(a3[aStride]);
            c40 = Vector512.FusedMultiplyAdd(x, b0, c40);
            c41 = Vector512.FusedMultiplyAdd(x, b1, c41);
            x = Vector512.Create(a3[2 * aStride]);
            c50 = Vector512.FusedMultiplyAdd(x, b0, c50);
            c51 = Vector512.FusedMultiplyAdd(x, b1, c51);
            a++;
            a3++;
            b += 64;
        }
        c00.Store(c);
        c01.Store(c + 16);
        c10.Store(c + cStride);
        c11.Store(c + cStride + 16);
        c20.Store(c + 2 * cStride);
        c21.Store(c + 2 * cStride + 16);
        c30.Store(c + 3 * cStride);
        c31.Store(c + 3 * cStride + 16);
        c40.Store(c + 4 * cStride);
        c41.Store(c + 4 * cStride + 16);
        c50.Store(c + 5 * cStride);
        c51.Store(c + 5 * cStride + 16);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* c, Vector512<float> c0, Vector512<float> c1, Vector512<float> c2, Vector512<float> c3, bool accumulate)
    {
        if (accumulate)
        {
            c0 += Vector512.Load(c);
            c1 += Vector512.Load(c + 16);
            c2 += Vector512.Load(c + 32);
            c3 += Vector512.Load(c + 48);
        }
        c0.Store(c);
        c1.Store(c + 16);
        c2.Store(c + 32);
        c3.Store(c + 48);
    }
}
