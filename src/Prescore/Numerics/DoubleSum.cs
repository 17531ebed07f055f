using System.Runtime.Intrinsics;

namespace Prescore.Numerics;

/// <summary>Sums of float rows kept in doubles, so that rows can be taken away again without leaving a trace of rounding.</summary>
internal static unsafe class DoubleSum
{
    /// <summary>sum[i] += factor · row[i].</summary>
    public static void Add(ReadOnlySpan<float> row, double factor, Span<double> sum)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sum.Length, row.Length);
        Vector512<double> f = Vector512.Create(factor);
        int width = Vector512<double>.Count;
        fixed (float* from = row)
        fixed (double* to = sum)
        {
            int i = 0;
            for (; i + 2 * width <= row.Length; i += 2 * width)
            {
                (Vector512<double> low, Vector512<double> high) = Vector512.Widen(Vector512.Load(from + i));
                (Vector512.Load(to + i) + low * f).Store(to + i);
                (Vector512.Load(to + i + width) + high * f).Store(to + i + width);
            }
            for (; i < row.Length; i++)
            {
                to[i] += from[i] * factor;
            }
        }
    }
}
