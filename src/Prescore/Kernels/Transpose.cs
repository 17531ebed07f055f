using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Prescore.Kernels;

/// <summary>Row-major rows to columns of a packed panel, in 8×8 squares.</summary>
internal static unsafe class Transpose
{
    /// <summary>panel[l·panelWidth + j] = rows[j][l] for j &lt; 8 and l &lt; depth rounded up to 8.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Eight(float** rows, nint depth, float* panel, nint panelWidth)
    {
        if (Avx.IsSupported)
        {
            for (nint l = 0; l < depth; l += 8)
            {
                Square(rows, l, panel + l * panelWidth, panelWidth);
            }
            return;
        }
        for (nint l = 0; l < depth; l++)
        {
            for (nint j = 0; j < 8; j++)
            {
                panel[l * panelWidth + j] = rows[j][l];
            }
        }
    }

    /// <summary>Four vectors' first elements, then their second ones, and so on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static (Vector128<float> First, Vector128<float> Second, Vector128<float> Third, Vector128<float> Fourth) Four(
        Vector128<float> a, Vector128<float> b, Vector128<float> c, Vector128<float> d)
    {
        if (Sse.IsSupported)
        {
            Vector128<float> abLow = Sse.UnpackLow(a, b), abHigh = Sse.UnpackHigh(a, b), cdLow = Sse.UnpackLow(c, d), cdHigh = Sse.UnpackHigh(c, d);
            return (Sse.MoveLowToHigh(abLow, cdLow), Sse.MoveHighToLow(cdLow, abLow), Sse.MoveLowToHigh(abHigh, cdHigh), Sse.MoveHighToLow(cdHigh, abHigh));
        }
        return (
            Vector128.Create(a[0], b[0], c[0], d[0]), Vector128.Create(a[1], b[1], c[1], d[1]),
            Vector128.Create(a[2], b[2], c[2], d[2]), Vector128.Create(a[3], b[3], c[3], d[3]));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Square(float** rows, nint l, float* to, nint stride)
    {
        Vector256<float> r0 = Vector256.Load(rows[0] + l), r1 = Vector256.Load(rows[1] + l);
        Vector256<float> r2 = Vector256.Load(rows[2] + l), r3 = Vector256.Load(rows[3] + l);
        Vector256<float> r4 = Vector256.Load(rows[4] + l), r5 = Vector256.Load(rows[5] + l);
        Vector256<float> r6 = Vector256.Load(rows[6] + l), r7 = Vector256.Load(rows[7] + l);
        Vector256<float> t0 = Avx.UnpackLow(r0, r1), t1 = Avx.UnpackHigh(r0, r1);
        Vector256<float> t2 = Avx.UnpackLow(r2, r3), t3 = Avx.UnpackHigh(r2, r3);
        Vector256<float> t4 = Avx.UnpackLow(r4, r5), t5 = Avx.UnpackHigh(r4, r5);
        Vector256<float> t6 = Avx.UnpackLow(r6, r7), t7 = Avx.UnpackHigh(r6, r7);
        r0 = Avx.Shuffle(t0, t2, 0x44);
        r1 = Avx.Shuffle(t0, t2, 0xEE);
        r2 = Avx.Shuffle(t1, t3, 0x44);
        r3 = Avx.Shuffle(t1, t3, 0xEE);
        r4 = Avx.Shuffle(t4, t6, 0x44);
        r5 = Avx.Shuffle(t4, t6, 0xEE);
        r6 = Avx.Shuffle(t5, t7, 0x44);
        r7 = Avx.Shuffle(t5, t7, 0xEE);
        Avx.Permute2x128(r0, r4, 0x20).Store(to);
        Avx.Permute2x128(r1, r5, 0x20).Store(to + stride);
        Avx.Permute2x128(r2, r6, 0x20).Store(to + 2 * stride);
        Avx.Permute2x128(r3, r7, 0x20).Store(to + 3 * stride);
        Avx.Permute2x128(r0, r4, 0x31).Store(to + 4 * stride);
        Avx.Permute2x128(r1, r5, 0x31).Store(to + 5 * stride);
        Avx.Permute2x128(r2, r6, 0x31).Store(to + 6 * stride);
        Avx.Permute2x128(r3, r7, 0x31).Store(to + 7 * stride);
    }
}
