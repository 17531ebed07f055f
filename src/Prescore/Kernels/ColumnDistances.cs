using System.Runtime.Intrinsics;

namespace Prescore.Kernels;

/// <summary>Squared distances of a block of points, stored as columns, to one point: no sum across a vector is needed.</summary>
internal static unsafe class ColumnDistances
{
    /// <summary>Points a block: eight 256-bit vectors, as many sums as it takes to hide the latency of a fused multiply-add.</summary>
    public const int Block = 64;

    /// <summary>distances[i] = Σ_l (columns[l, i] − point[l])².</summary>
    /// <param name="columns">Block [dimension, <see cref="Block"/>], dense.</param>
    /// <param name="point">Point [dimension].</param>
    /// <param name="distances">Receives <see cref="Block"/> distances.</param>
    public static void Squared(ReadOnlySpan<float> columns, ReadOnlySpan<float> point, Span<float> distances)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns.Length, point.Length * Block);
        ArgumentOutOfRangeException.ThrowIfLessThan(distances.Length, Block);
        Vector256<float> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        Vector256<float> sum4 = default, sum5 = default, sum6 = default, sum7 = default;
        fixed (float* first = columns, to = distances)
        {
            float* x = first;
            foreach (float value in point)
            {
                Vector256<float> component = Vector256.Create(value);
                sum0 = AddSquare(x, component, sum0);
                sum1 = AddSquare(x + 8, component, sum1);
                sum2 = AddSquare(x + 16, component, sum2);
                sum3 = AddSquare(x + 24, component, sum3);
                sum4 = AddSquare(x + 32, component, sum4);
                sum5 = AddSquare(x + 40, component, sum5);
                sum6 = AddSquare(x + 48, component, sum6);
                sum7 = AddSquare(x + 56, component, sum7);
                x += Block;
            }
            sum0.Store(to);
            sum1.Store(to + 8);
            sum2.Store(to + 16);
            sum3.Store(to + 24);
            sum4.Store(to + 32);
            sum5.Store(to + 40);
            sum6.Store(to + 48);
            sum7.Store(to + 56);
        }
    }

    private static Vector256<float> AddSquare(float* x, Vector256<float> component, Vector256<float> sum)
    {
        Vector256<float> difference = Vector256.Load(x) - component;
        return Vector256.FusedMultiplyAdd(difference, difference, sum);
    }
}
