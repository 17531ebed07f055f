using System.Diagnostics;
using System.Numerics.Tensors;

namespace Prescore.Benchmarks.Weights;

/// <summary>Bytes a second at which all threads together read memory that is in no cache.</summary>
internal static class ReadBandwidth
{
    private const int BytesPerThread = 512 << 20;

    public static double Measure(int threads)
    {
        var memory = new long[threads][];
        Parallel.For(0, threads, thread =>
        {
            memory[thread] = GC.AllocateUninitializedArray<long>(BytesPerThread / sizeof(long));
            memory[thread].AsSpan().Fill(1);
        });
        double best = double.PositiveInfinity;
        for (int run = 0; run < 5; run++)
        {
            long began = Stopwatch.GetTimestamp();
            Parallel.For(0, threads, new ParallelOptions { MaxDegreeOfParallelism = threads }, thread => TensorPrimitives.Sum<long>(memory[thread]));
            best = Math.Min(best, Stopwatch.GetElapsedTime(began).TotalSeconds);
        }
        return (double)BytesPerThread * threads / best;
    }
}
