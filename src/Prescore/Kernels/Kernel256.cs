using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Prescore.Kernels;

/// <summary>256-bit path: a 6×16 register tile (12 accumulators of 16 registers), as in BLIS for Haswell and Zen.</summary>
internal readonly unsafe partial struct Kernel256 : IKernelPath
{
    public static int PanelWidth => 16;

    public static int Lanes => 8;

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Multiply(float* a, nint aStride, float* b, nint depth, float* c, nint cStride, bool accumulate)
    {
        Vector256<float> c00 = default, c01 = default, c10 = default, c11 = default, c20 = default, c21 = default;
        Vector256<float> c30 = default, c31 = default, c40 = default, c41 = default, c50 = default, c51 = default;
        float* a3 = a + 3 * aStride;
        float* end = b + depth * 16;
        while (b < end)
        {
            Vector256<float> b0 = Vector256.Load(b);
            Vector256<float> b1 = Vector256.Load(b + 8);
            Vector256<float> x = Vector256.Create(*a);
            c00 = Vector256.FusedMultiplyAdd(x, b0, c00);
            c01 = Vector256.FusedMultiplyAdd(x, b1, c01);
            x = Vector256.Create(a[aStride]);
            c10 = Vector256.FusedMultiplyAdd(x, b0, c10);
            c11 = Vector256.FusedMultiplyAdd(x, b1, c11);
            x = Vector256.Create(a[2 * aStride]);
            c20 = Vector256.FusedMultiplyAdd(x, b0, c20);
            c21 = Vector256.FusedMultiplyAdd(x, b1, c21);
            x = Vector256.Create(*a3);
            c30 = Vector256.FusedMultiplyAdd(x, b0, c30);
            c31 = Vector256.FusedMultiplyAdd(x, b1, c31);
            x = Vector256.Create(a3[aStride]);
            c40 = Vector256.FusedMultiplyAdd(x, b0, c40);
            c41 = Vector256.FusedMultiplyAdd(x, b1, c41);
            x = Vector256.Create(a3[2 * aStride]);
            c50 = Vector256.FusedMultiplyAdd(x, b0, c50);
            c51 = Vector256.FusedMultiplyAdd(x, b1, c51);
            a++;
            a3++;
            b += 16;
        }
        Store(c, c00, c01, accumulate);
        Store(c + cStride, c10, c11, accumulate);
        Store(c + 2 * cStride, c20, c21, accumulate);
        Store(c + 3 * cStride, c30, c31, accumulate);
        Store(c + 4 * cStride, c40, c41, accumulate);
        Store(c + 5 * cStride, c50, c51, accumulate);
    }

    public static void MultiplyColumns(float* a, nint aStride, float* b, nint depth, float* c, nint cStride, nint columns)
    {
        if (columns <= 8)
        {
            MultiplyOne(a, aStride, b, depth, c, cStride);
        }
        else
        {
            Multiply(a, aStride, b, depth, c, cStride, accumulate: false);
        }
    }

    public static void MultiplyFew(float* a, nint aStride, nint rows, float* b, float* next, nint depth, float* c, nint cStride) =>
        Multiply(a, aStride, b, depth, c, cStride, accumulate: false);

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Dot(float* x, float* y, nint count)
    {
        Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
        nint i = 0;
        for (; i + 32 <= count; i += 32)
        {
            s0 = Vector256.FusedMultiplyAdd(Vector256.Load(x + i), Vector256.Load(y + i), s0);
            s1 = Vector256.FusedMultiplyAdd(Vector256.Load(x + i + 8), Vector256.Load(y + i + 8), s1);
            s2 = Vector256.FusedMultiplyAdd(Vector256.Load(x + i + 16), Vector256.Load(y + i + 16), s2);
            s3 = Vector256.FusedMultiplyAdd(Vector256.Load(x + i + 24), Vector256.Load(y + i + 24), s3);
        }
        for (; i < count; i += 8)
        {
            s0 = Vector256.FusedMultiplyAdd(Vector256.Load(x + i), Vector256.Load(y + i), s0);
        }
        return Vector256.Sum((s0 + s1) + (s2 + s3));
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Add(float* row, float* bias, nint count)
    {
        for (nint i = 0; i < count; i += 8)
        {
            (Vector256.Load(row + i) + Vector256.Load(bias + i)).Store(row + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Scale(float* row, float factor, nint count)
    {
        Vector256<float> f = Vector256.Create(factor);
        for (nint i = 0; i < count; i += 8)
        {
            (Vector256.Load(row + i) * f).Store(row + i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float Max(float* row, nint count)
    {
        Vector256<float> m0 = Vector256.Load(row), m1 = m0;
        nint i = 8;
        for (; i + 16 <= count; i += 16)
        {
            m0 = Vector256.MaxNative(m0, Vector256.Load(row + i));
            m1 = Vector256.MaxNative(m1, Vector256.Load(row + i + 8));
        }
        if (i < count)
        {
            m0 = Vector256.MaxNative(m0, Vector256.Load(row + i));
        }
        m0 = Vector256.MaxNative(m0, m1);
        return Largest(m0);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float ExpSum(float* row, float maximum, nint count)
    {
        Vector256<float> m = Vector256.Create(maximum);
        Vector256<float> s0 = default, s1 = default;
        nint i = 0;
        for (; i + 16 <= count; i += 16)
        {
            Vector256<float> e0 = Exp(Vector256.Load(row + i) - m);
            Vector256<float> e1 = Exp(Vector256.Load(row + i + 8) - m);
            e0.Store(row + i);
            e1.Store(row + i + 8);
            s0 += e0;
            s1 += e1;
        }
        if (i < count)
        {
            Vector256<float> e0 = Exp(Vector256.Load(row + i) - m);
            e0.Store(row + i);
            s0 += e0;
        }
        return Vector256.Sum(s0 + s1);
    }

    public static void MaxFour(float* rows, nint stride, nint count, float* maxima)
    {
        for (nint i = 0; i < 4; i++)
        {
            maxima[i] = Max(rows + i * stride, count);
        }
    }

    public static void ExpFour(float* rows, nint stride, nint count, float* maxima, float* sums)
    {
        for (nint i = 0; i < 4; i++)
        {
            sums[i] += ExpSum(rows + i * stride, maxima[i], count);
        }
    }

    /// <summary>The largest |x|: infinite or NaN where an element is. Magnitudes compare as their bits do.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static float LargestMagnitude(float* row, nint count)
    {
        Vector256<int> magnitude = Vector256.Create(int.MaxValue), most = default;
        nint i = 0;
        for (; i + 8 <= count; i += 8)
        {
            most = Vector256.Max(most, Vector256.Load((int*)row + i) & magnitude);
        }
        Vector128<int> four = Vector128.Max(most.GetLower(), most.GetUpper());
        int largest = Math.Max(Math.Max(four[0], four[1]), Math.Max(four[2], four[3]));
        for (; i < count; i++)
        {
            largest = Math.Max(largest, ((int*)row)[i] & int.MaxValue);
        }
        return BitConverter.Int32BitsToSingle(largest);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static bool AllFinite(float* row, nint count)
    {
        // x − x is 0 for a finite x and NaN for the others.
        Vector256<float> worst = default;
        nint i = 0;
        for (; i + 8 <= count; i += 8)
        {
            Vector256<float> x = Vector256.Load(row + i);
            worst += x - x;
        }
        float rest = Vector256.Sum(worst);
        for (; i < count; i++)
        {
            rest += row[i] - row[i];
        }
        return rest == 0;
    }

    public static void Transpose8(float** rows, nint depth, float* panel) => Transpose.Eight(rows, depth, panel, 16);

    /// <summary>All bits of the first <paramref name="count"/> lanes.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> Present(nint count) =>
        Vector256.LessThan(Vector256<int>.Indices, Vector256.Create((int)count)).AsSingle();

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static float Largest(Vector256<float> m)
    {
        Vector128<float> h = Vector128.MaxNative(m.GetLower(), m.GetUpper());
        h = Vector128.MaxNative(h, Vector128.Shuffle(h, Vector128.Create(2, 3, 0, 1)));
        h = Vector128.MaxNative(h, Vector128.Shuffle(h, Vector128.Create(1, 0, 3, 2)));
        return h.ToScalar();
    }

    /// <summary>
    /// e^x for x ≤ 0, by <see cref="ExpConstants"/>; arguments below −87.3 count as −87.3.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal static Vector256<float> Exp(Vector256<float> x)
    {
        x = Vector256.MaxNative(x, Vector256.Create(ExpConstants.Lowest));
        Vector256<float> shifted = Vector256.FusedMultiplyAdd(x, Vector256.Create(ExpConstants.Log2E), Vector256.Create(ExpConstants.RoundingShift));
        Vector256<float> n = shifted - Vector256.Create(ExpConstants.RoundingShift);
        Vector256<float> r = Vector256.FusedMultiplyAdd(n, Vector256.Create(-ExpConstants.Ln2), x);
        Vector256<float> p = Vector256.FusedMultiplyAdd(r, Vector256.Create(ExpConstants.C5), Vector256.Create(ExpConstants.C4));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(ExpConstants.C3));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(ExpConstants.C2));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(1f));
        p = Vector256.FusedMultiplyAdd(p, r, Vector256.Create(1f));
        // The low bits of the shifted number hold n; added to the exponent they multiply by 2^n.
        return (p.AsInt32() + (shifted.AsInt32() << 23)).AsSingle();
    }

    /// <summary>One vector of the panel: 6×8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void MultiplyOne(float* a, nint aStride, float* b, nint depth, float* c, nint cStride)
    {
        Vector256<float> c00 = default, c10 = default, c20 = default, c30 = default, c40 = default, c50 = default;
        float* a3 = a + 3 * aStride;
        float* end = b + depth * 16;
        while (b < end)
        {
            Vector256<float> b0 = Vector256.Load(b);
            c00 = Vector256.FusedMultiplyAdd(Vector256.Create(*a), b0, c00);
            c10 = Vector256.FusedMultiplyAdd(Vector256.Create(a[aStride]), b0, c10);
            c20 = Vector256.FusedMultiplyAdd(Vector256.Create(a[2 * aStride]), b0, c20);
            c30 = Vector256.FusedMultiplyAdd(Vector256.Create(*a3), b0, c30);
            c40 = Vector256.FusedMultiplyAdd(Vector256.Create(a3[aStride]), b0, c40);
            c50 = Vector256.FusedMultiplyAdd(Vector256.Create(a3[2 * aStride]), b0, c50);
            a++;
            a3++;
            b += 16;
        }
        c00.Store(c);
        c10.Store(c + cStride);
        c20.Store(c + 2 * cStride);
        c30.Store(c + 3 * cStride);
        c40.Store(c + 4 * cStride);
        c50.Store(c + 5 * cStride);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Store(float* c, Vector256<float> low, Vector256<float> high, bool accumulate)
    {
        if (accumulate)
        {
            low += Vector256.Load(c);
            high += Vector256.Load(c + 8);
        }
        low.Store(c);
        high.Store(c + 8);
    }
}
