using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Prescore.Numerics;

namespace Prescore.Clustering;

/// <summary>
/// The point with the least sum of distances to given points: Weiszfeld's iteration with the step of Vardi and Zhang
/// (2000), which does not get stuck on a data point. Double precision throughout.
/// </summary>
public static class GeometricMedian
{
    /// <summary>Moves a start point to the geometric median.</summary>
    /// <param name="points">Points [n, d].</param>
    /// <param name="members">Rows of the points that count, at least one.</param>
    /// <param name="median">In: where to start. Out: the median [d].</param>
    /// <param name="tolerance">Stop when a step is shorter than this times the mean distance.</param>
    /// <param name="maxSteps">Stop after as many steps.</param>
    public static void Find(in KeyMatrix points, ReadOnlySpan<int> members, Span<double> median, double tolerance, int maxSteps)
    {
        double[] pooled = ArrayPool<double>.Shared.Rent(2 * median.Length);
        Span<double> pull = pooled.AsSpan(0, median.Length);
        Span<double> difference = pooled.AsSpan(median.Length, median.Length);
        for (int step = 0; step < maxSteps; step++)
        {
            if (Step(points, members, median, pull, difference, out double meanDistance) <= tolerance * meanDistance)
            {
                break;
            }
        }
        ArrayPool<double>.Shared.Return(pooled);
    }

    /// <summary>
    /// One step. With the weights wᵢ = 1/‖xᵢ − y‖ of the points off y, Weiszfeld moves by T = Σwᵢ(xᵢ − y)/Σwᵢ; where m
    /// points lie on y, they hold it back: the step is (1 − m/‖Σwᵢ(xᵢ − y)‖)₊·T.
    /// </summary>
    /// <returns>The length of the step.</returns>
    private static double Step(
        in KeyMatrix points, ReadOnlySpan<int> members, Span<double> median, Span<double> pull, Span<double> difference, out double meanDistance)
    {
        pull.Clear();
        double weights = 0;
        double distances = 0;
        int coincident = 0;
        foreach (int member in members)
        {
            double distance = Math.Sqrt(Subtract(points[member], median, difference));
            if (distance == 0)
            {
                coincident++;
                continue;
            }
            distances += distance;
            weights += 1 / distance;
            AddScaled(difference, 1 / distance, pull);
        }
        meanDistance = distances / members.Length;
        double strength = Math.Sqrt(SquaredLength(pull));
        if (strength <= coincident)
        {
            return 0;
        }
        AddScaled(pull, (1 - coincident / strength) / weights, median);
        return (strength - coincident) / weights;
    }

    /// <summary>difference = point − median; returns its squared length.</summary>
    private static double Subtract(ReadOnlySpan<float> point, ReadOnlySpan<double> median, Span<double> difference)
    {
        ReadOnlySpan<Vector<float>> x = MemoryMarshal.Cast<float, Vector<float>>(point);
        ReadOnlySpan<Vector<double>> y = MemoryMarshal.Cast<double, Vector<double>>(median);
        Span<Vector<double>> to = MemoryMarshal.Cast<double, Vector<double>>(difference);
        Vector<double> sum0 = default, sum1 = default;
        for (int i = 0; i < x.Length; i++)
        {
            Vector.Widen(x[i], out Vector<double> low, out Vector<double> high);
            low -= y[2 * i];
            high -= y[2 * i + 1];
            (to[2 * i], to[2 * i + 1]) = (low, high);
            sum0 += low * low;
            sum1 += high * high;
        }
        double squared = Vector.Sum(sum0 + sum1);
        for (int l = x.Length * Vector<float>.Count; l < point.Length; l++)
        {
            difference[l] = point[l] - median[l];
            squared += difference[l] * difference[l];
        }
        return squared;
    }

    private static void AddScaled(ReadOnlySpan<double> vector, double factor, Span<double> sum) =>
        TensorPrimitives.MultiplyAdd(vector, factor, sum, sum);

    private static double SquaredLength(ReadOnlySpan<double> vector) =>
        TensorPrimitives.SumOfSquares(vector);
}
