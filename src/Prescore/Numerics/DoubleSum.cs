using System.Numerics;

namespace Prescore.Numerics;

/// <summary>Sums of float rows kept in doubles, so that rows can be taken away again without leaving a trace of rounding.</summary>
internal static unsafe class DoubleSum
{
    /// <summary>sum[i] += factor · row[i].</summary>
    public static void Add(ReadOnlySpan<float> row, double factor, Span<double> sum)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(sum.Length, row.Length);
        var f = new Vector<double>(factor);
        int width = Vector<double>.Count;
        fixed (float* from = row)
        fixed (double* to = sum)
        {
            int i = 0;
            for (; i + 2 * width <= row.Length; i += 2 * width)
            {
                Vector.Widen(Vector.Load(from + i), out Vector<double> low, out Vector<double> high);
                (Vector.Load(to + i) + low * f).Store(to + i);
                (Vector.Load(to + i + width) + high * f).Store(to + i + width);
            }
            for (; i < row.Length; i++)
            {
                to[i] += from[i] * factor;
            }
        }
    }
}
