using System.Numerics;
using System.Runtime.InteropServices;

namespace Prescore.Kernels;

/// <summary>Sums over vectors of the size of a key, so short that the set-up of the general routines would dominate.</summary>
internal static class ShortVectors
{
    /// <summary>Σ xᵢ².</summary>
    public static float SumOfSquares(ReadOnlySpan<float> x) => Dot(x, x);

    /// <summary>Σ xᵢ·yᵢ.</summary>
    public static float Dot(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        ReadOnlySpan<Vector<float>> xs = MemoryMarshal.Cast<float, Vector<float>>(x);
        ReadOnlySpan<Vector<float>> ys = MemoryMarshal.Cast<float, Vector<float>>(y[..x.Length])[..xs.Length];
        Vector<float> sum0 = default, sum1 = default;
        int i = 0;
        for (; i + 2 <= xs.Length; i += 2)
        {
            sum0 = Vector.FusedMultiplyAdd(xs[i], ys[i], sum0);
            sum1 = Vector.FusedMultiplyAdd(xs[i + 1], ys[i + 1], sum1);
        }
        if (i < xs.Length)
        {
            sum0 = Vector.FusedMultiplyAdd(xs[i], ys[i], sum0);
        }
        float sum = Vector.Sum(sum0 + sum1);
        for (int l = xs.Length * Vector<float>.Count; l < x.Length; l++)
        {
            sum += x[l] * y[l];
        }
        return sum;
    }

    /// <summary>Σ (xᵢ − yᵢ)².</summary>
    public static float SquaredDistance(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        ReadOnlySpan<Vector<float>> xs = MemoryMarshal.Cast<float, Vector<float>>(x);
        ReadOnlySpan<Vector<float>> ys = MemoryMarshal.Cast<float, Vector<float>>(y[..x.Length])[..xs.Length];
        Vector<float> sum0 = default, sum1 = default;
        int i = 0;
        for (; i + 2 <= xs.Length; i += 2)
        {
            Vector<float> difference0 = xs[i] - ys[i], difference1 = xs[i + 1] - ys[i + 1];
            sum0 = Vector.FusedMultiplyAdd(difference0, difference0, sum0);
            sum1 = Vector.FusedMultiplyAdd(difference1, difference1, sum1);
        }
        if (i < xs.Length)
        {
            Vector<float> difference = xs[i] - ys[i];
            sum0 = Vector.FusedMultiplyAdd(difference, difference, sum0);
        }
        float sum = Vector.Sum(sum0 + sum1);
        for (int l = xs.Length * Vector<float>.Count; l < x.Length; l++)
        {
            sum += (x[l] - y[l]) * (x[l] - y[l]);
        }
        return sum;
    }

    /// <summary>Σ xᵢ·yᵢ in double precision.</summary>
    public static double DotInDouble(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        ReadOnlySpan<Vector<float>> xs = MemoryMarshal.Cast<float, Vector<float>>(x);
        ReadOnlySpan<Vector<float>> ys = MemoryMarshal.Cast<float, Vector<float>>(y[..x.Length])[..xs.Length];
        Vector<double> sum0 = default, sum1 = default;
        for (int i = 0; i < xs.Length; i++)
        {
            Vector.Widen(xs[i], out Vector<double> xLow, out Vector<double> xHigh);
            Vector.Widen(ys[i], out Vector<double> yLow, out Vector<double> yHigh);
            sum0 += xLow * yLow;
            sum1 += xHigh * yHigh;
        }
        double sum = Vector.Sum(sum0 + sum1);
        for (int l = xs.Length * Vector<float>.Count; l < x.Length; l++)
        {
            sum += (double)x[l] * y[l];
        }
        return sum;
    }

    /// <summary>Σ (xᵢ − yᵢ)² in double precision.</summary>
    public static double SquaredDistanceInDouble(ReadOnlySpan<float> x, ReadOnlySpan<float> y)
    {
        ReadOnlySpan<Vector<float>> xs = MemoryMarshal.Cast<float, Vector<float>>(x);
        ReadOnlySpan<Vector<float>> ys = MemoryMarshal.Cast<float, Vector<float>>(y[..x.Length])[..xs.Length];
        Vector<double> sum0 = default, sum1 = default;
        for (int i = 0; i < xs.Length; i++)
        {
            Vector.Widen(xs[i], out Vector<double> low, out Vector<double> high);
            Vector.Widen(ys[i], out Vector<double> yLow, out Vector<double> yHigh);
            low -= yLow;
            high -= yHigh;
            sum0 += low * low;
            sum1 += high * high;
        }
        double sum = Vector.Sum(sum0 + sum1);
        for (int l = xs.Length * Vector<float>.Count; l < x.Length; l++)
        {
            double difference = (double)x[l] - y[l];
            sum += difference * difference;
        }
        return sum;
    }

    /// <summary>sums[i] += x[i], widened.</summary>
    public static void AddTo(ReadOnlySpan<float> x, Span<double> sums)
    {
        ReadOnlySpan<Vector<float>> xs = MemoryMarshal.Cast<float, Vector<float>>(x);
        Span<Vector<double>> to = MemoryMarshal.Cast<double, Vector<double>>(sums[..x.Length]);
        for (int i = 0; i < xs.Length; i++)
        {
            Vector.Widen(xs[i], out Vector<double> low, out Vector<double> high);
            to[2 * i] += low;
            to[2 * i + 1] += high;
        }
        for (int l = xs.Length * Vector<float>.Count; l < x.Length; l++)
        {
            sums[l] += x[l];
        }
    }
}
