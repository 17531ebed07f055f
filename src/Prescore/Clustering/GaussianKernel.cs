using System.Buffers;
using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Clustering;

/// <summary>The kernel matrix K_ij = e^(−γ‖xᵢ − x_j‖²) of points, in double precision, with γ = 1 / median squared distance over pairs.</summary>
public sealed class GaussianKernel
{
    private readonly double[] _values;

    /// <summary>Computes the kernel matrix.</summary>
    /// <param name="points">Points [n, d], n ≥ 1.</param>
    public GaussianKernel(in KeyMatrix points)
    {
        int n = points.Count;
        Count = n;
        _values = new double[n * n];
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < i; j++)
            {
                _values[i * n + j] = ShortVectors.SquaredDistanceInDouble(points[i], points[j]);
            }
        }
        Gamma = 1 / TypicalSquaredDistance(_values, n);
        for (int i = 0; i < n; i++)
        {
            for (int j = 0; j < i; j++)
            {
                _values[i * n + j] = _values[j * n + i] = Math.Exp(-Gamma * _values[i * n + j]);
            }
            _values[i * n + i] = 1;
        }
    }

    /// <summary>Number n of points.</summary>
    public int Count { get; }

    /// <summary>The width γ.</summary>
    public double Gamma { get; }

    /// <summary>One row of K, [n].</summary>
    public ReadOnlySpan<double> this[int row] => _values.AsSpan(row * Count, Count);

    /// <summary>
    /// The median over pairs (the mean of the two middle ones for an even number); where half the pairs coincide the
    /// mean, and 1 where all do: every width then gives the same kernel matrix.
    /// </summary>
    private static double TypicalSquaredDistance(ReadOnlySpan<double> lower, int n)
    {
        int pairs = n * (n - 1) / 2;
        double[] pooled = ArrayPool<double>.Shared.Rent(pairs);
        Span<double> distances = pooled.AsSpan(0, pairs);
        int filled = 0;
        double sum = 0;
        for (int i = 0; i < n; i++)
        {
            foreach (double distance in lower.Slice(i * n, i))
            {
                distances[filled++] = distance;
                sum += distance;
            }
        }
        double median = pairs == 0 ? 0 : Median(distances);
        ArrayPool<double>.Shared.Return(pooled);
        return median > 0 ? median : sum > 0 ? sum / pairs : 1;
    }

    private static double Median(Span<double> values)
    {
        int middle = values.Length / 2;
        Quickselect(values, middle);
        if (values.Length % 2 == 1)
        {
            return values[middle];
        }
        double below = double.NegativeInfinity;
        foreach (double value in values[..middle])
        {
            below = Math.Max(below, value);
        }
        return (below + values[middle]) / 2;
    }

    /// <summary>Reorders so that position <paramref name="rank"/> holds what it would hold if sorted (Hoare, 1961).</summary>
    private static void Quickselect(Span<double> values, int rank)
    {
        int low = 0;
        int high = values.Length - 1;
        while (low < high)
        {
            double pivot = values[low + (high - low) / 2];
            int i = low;
            int j = high;
            while (i <= j)
            {
                while (values[i] < pivot)
                {
                    i++;
                }
                while (values[j] > pivot)
                {
                    j--;
                }
                if (i <= j)
                {
                    (values[i], values[j]) = (values[j--], values[i++]);
                }
            }
            if (rank <= j)
            {
                high = j;
            }
            else if (rank >= i)
            {
                low = i;
            }
            else
            {
                return;
            }
        }
    }
}
