using System.Diagnostics;
using System.Numerics;
using System.Runtime.CompilerServices;
using Prescore.Memory;
using Prescore.Scheduling;

namespace Prescore.Kernels;

/// <summary>
/// How fast memory is read, measured: what decoding is judged by, as a token reads all weights and the cache once and
/// computes little with them.
/// </summary>
public static class MemoryRead
{
    private const int LeastRuns = 5;

    private const double LeastSeconds = 0.5;

    /// <summary>
    /// Reads memory of a size again and again, front to back, and sums it: whatever of it a cache keeps from one time to the
    /// next is as fast here as it is for who reads as much.
    /// </summary>
    /// <param name="bytes">Bytes to read, at least 1.</param>
    /// <param name="threads">Number of threads that share them.</param>
    /// <returns>Bytes a second of all threads together: the median of several runs.</returns>
    public static unsafe double MeasureBytesPerSecond(long bytes, int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bytes, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        // Whole steps of a thread, of 4 vectors each.
        int step = 4 * Vector<float>.Count;
        long share = Math.Max(1, bytes / sizeof(float) / threads / step) * step;
        using NativeBuffer memory = NativeBuffer.Allocate((nint)(share * threads));
        memory.Clear();
        var sums = new float[threads];
        var seconds = new List<double>();
        double all = 0;
        while (seconds.Count < LeastRuns || all < LeastSeconds)
        {
            long start = Stopwatch.GetTimestamp();
            ParallelItems.Run(threads, threads, thread => sums[thread] += Sum(memory.Pointer + thread * share, share), CancellationToken.None);
            seconds.Add(Stopwatch.GetElapsedTime(start).TotalSeconds);
            all += seconds[^1];
        }
        seconds.Sort();
        return sums.Sum() + (double)share * threads * sizeof(float) / seconds[seconds.Count / 2];
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization | MethodImplOptions.NoInlining)]
    private static unsafe float Sum(float* values, long count)
    {
        Vector<float> s0 = default, s1 = default, s2 = default, s3 = default;
        int width = Vector<float>.Count;
        for (float* end = values + count; values < end; values += 4 * width)
        {
            s0 += *(Vector<float>*)values;
            s1 += *(Vector<float>*)(values + width);
            s2 += *(Vector<float>*)(values + 2 * width);
            s3 += *(Vector<float>*)(values + 3 * width);
        }
        return Vector.Sum(s0 + s1 + (s2 + s3));
    }
}
