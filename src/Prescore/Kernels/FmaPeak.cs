using System.Diagnostics;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Prescore.Kernels;

/// <summary>
/// The processor's peak of fused multiply-adds, measured: chains that never touch memory, more of them than latency ×
/// issue width, so that nothing but the multiply-add units limits them. Kernels are judged as a fraction of it.
/// </summary>
public static class FmaPeak
{
    /// <summary>Independent chains. Two units × a latency of 4 or 5 need 8 to 10; 12 also leave registers for the factors.</summary>
    private const int Chains = 12;

    /// <summary>Steps of every chain in one run: about a millisecond.</summary>
    private const int Steps = 400_000;

    private const int Runs = 40;

    /// <summary>Measures the peak of single-precision multiply-adds, a multiply-add counted as two operations.</summary>
    /// <param name="threads">Number of threads that run at the same time, at least 1.</param>
    /// <param name="simd">Vector width; a path that the processor does not accelerate gives the speed of its emulation.</param>
    /// <returns>10⁹ floating-point operations a second, summed over the threads: the best of several short runs.</returns>
    public static double MeasureGigaflops(int threads, SimdPath simd)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        double operations = 2.0 * Chains * Lanes(simd) * Steps * threads;
        using var start = new Barrier(threads);
        using var end = new Barrier(threads);
        double best = 0;
        var workers = new Thread[threads];
        for (int i = 0; i < threads; i++)
        {
            bool timing = i == 0;
            workers[i] = new Thread(() =>
            {
                for (int run = 0; run < Runs; run++)
                {
                    start.SignalAndWait();
                    long began = Stopwatch.GetTimestamp();
                    Run(simd);
                    end.SignalAndWait();
                    if (timing)
                    {
                        best = Math.Max(best, operations / Stopwatch.GetElapsedTime(began).TotalSeconds);
                    }
                }
            });
        }
        foreach (Thread worker in workers)
        {
            worker.Start();
        }
        foreach (Thread worker in workers)
        {
            worker.Join();
        }
        return best / 1e9;
    }

    private static int Lanes(SimdPath simd) => simd switch
    {
        SimdPath.Vector512 => Vector512<float>.Count,
        SimdPath.Vector256 => Vector256<float>.Count,
        _ => 1,
    };

    /// <summary>Runs the chains x ← x · factor + addend, which tend to addend / (1 − factor) = 1: nothing overflows or is subnormal.</summary>
    private static float Run(SimdPath simd) => simd switch
    {
        SimdPath.Vector512 => RunVector512(Vector512.Create(0.75f), Vector512.Create(0.25f)),
        SimdPath.Vector256 => RunVector256(Vector256.Create(0.75f), Vector256.Create(0.25f)),
        _ => RunScalar(0.75f, 0.25f),
    };

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float RunVector512(Vector512<float> factor, Vector512<float> addend)
    {
        Vector512<float> c0 = default, c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0;
        Vector512<float> c6 = c0, c7 = c0, c8 = c0, c9 = c0, c10 = c0, c11 = c0;
        for (int i = 0; i < Steps; i++)
        {
            c0 = Vector512.FusedMultiplyAdd(c0, factor, addend);
            c1 = Vector512.FusedMultiplyAdd(c1, factor, addend);
            c2 = Vector512.FusedMultiplyAdd(c2, factor, addend);
            c3 = Vector512.FusedMultiplyAdd(c3, factor, addend);
            c4 = Vector512.FusedMultiplyAdd(c4, factor, addend);
            c5 = Vector512.FusedMultiplyAdd(c5, factor, addend);
            c6 = Vector512.FusedMultiplyAdd(c6, factor, addend);
            c7 = Vector512.FusedMultiplyAdd(c7, factor, addend);
            c8 = Vector512.FusedMultiplyAdd(c8, factor, addend);
            c9 = Vector512.FusedMultiplyAdd(c9, factor, addend);
            c10 = Vector512.FusedMultiplyAdd(c10, factor, addend);
            c11 = Vector512.FusedMultiplyAdd(c11, factor, addend);
        }
        return Vector512.Sum(c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float RunVector256(Vector256<float> factor, Vector256<float> addend)
    {
        Vector256<float> c0 = default, c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0;
        Vector256<float> c6 = c0, c7 = c0, c8 = c0, c9 = c0, c10 = c0, c11 = c0;
        for (int i = 0; i < Steps; i++)
        {
            c0 = Vector256.FusedMultiplyAdd(c0, factor, addend);
            c1 = Vector256.FusedMultiplyAdd(c1, factor, addend);
            c2 = Vector256.FusedMultiplyAdd(c2, factor, addend);
            c3 = Vector256.FusedMultiplyAdd(c3, factor, addend);
            c4 = Vector256.FusedMultiplyAdd(c4, factor, addend);
            c5 = Vector256.FusedMultiplyAdd(c5, factor, addend);
            c6 = Vector256.FusedMultiplyAdd(c6, factor, addend);
            c7 = Vector256.FusedMultiplyAdd(c7, factor, addend);
            c8 = Vector256.FusedMultiplyAdd(c8, factor, addend);
            c9 = Vector256.FusedMultiplyAdd(c9, factor, addend);
            c10 = Vector256.FusedMultiplyAdd(c10, factor, addend);
            c11 = Vector256.FusedMultiplyAdd(c11, factor, addend);
        }
        return Vector256.Sum(c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static float RunScalar(float factor, float addend)
    {
        float c0 = default, c1 = c0, c2 = c0, c3 = c0, c4 = c0, c5 = c0;
        float c6 = c0, c7 = c0, c8 = c0, c9 = c0, c10 = c0, c11 = c0;
        for (int i = 0; i < Steps; i++)
        {
            c0 = float.MultiplyAddEstimate(c0, factor, addend);
            c1 = float.MultiplyAddEstimate(c1, factor, addend);
            c2 = float.MultiplyAddEstimate(c2, factor, addend);
            c3 = float.MultiplyAddEstimate(c3, factor, addend);
            c4 = float.MultiplyAddEstimate(c4, factor, addend);
            c5 = float.MultiplyAddEstimate(c5, factor, addend);
            c6 = float.MultiplyAddEstimate(c6, factor, addend);
            c7 = float.MultiplyAddEstimate(c7, factor, addend);
            c8 = float.MultiplyAddEstimate(c8, factor, addend);
            c9 = float.MultiplyAddEstimate(c9, factor, addend);
            c10 = float.MultiplyAddEstimate(c10, factor, addend);
            c11 = float.MultiplyAddEstimate(c11, factor, addend);
        }
        return c0 + c1 + c2 + c3 + c4 + c5 + c6 + c7 + c8 + c9 + c10 + c11;
    }
}
