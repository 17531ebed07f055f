using System.Numerics;

namespace Prescore.Kernels;

/// <summary>Squared distances of a block of points, stored as columns, to one point: no sum across a vector is needed.</summary>
internal static unsafe class ColumnDistances
{
    /// <summary>Points a block.</summary>
    public const int Block = 64;

    /// <summary>distances[i] = Σ_l (columns[l, i] − point[l])².</summary>
    /// <param name="columns">Block [dimension, <see cref="Block"/>], dense.</param>
    /// <param name="point">Point [dimension].</param>
    /// <param name="distances">Receives <see cref="Block"/> distances.</param>
    public static void Squared(ReadOnlySpan<float> columns, ReadOnlySpan<float> point, Span<float> distances)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(columns.Length, point.Length * Block);
        ArgumentOutOfRangeException.ThrowIfLessThan(distances.Length, Block);
        fixed (float* x = columns, y = point, to = distances)
        {
            // Four vectors cover 16 to 64 points, a divisor of the block on every width.
            for (int first = 0; first < Block; first += 4 * Vector<float>.Count)
            {
                FourVectors(x + first, y, point.Length, to + first);
            }
        }
    }

    private static void FourVectors(float* columns, float* point, int dimension, float* distances)
    {
        int width = Vector<float>.Count;
        Vector<float> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
        for (int l = 0; l < dimension; l++)
        {
            var component = new Vector<float>(point[l]);
            Vector<float> difference = Vector.Load(columns) - component;
            sum0 = Vector.FusedMultiplyAdd(difference, difference, sum0);
            difference = Vector.Load(columns + width) - component;
            sum1 = Vector.FusedMultiplyAdd(difference, difference, sum1);
            difference = Vector.Load(columns + 2 * width) - component;
            sum2 = Vector.FusedMultiplyAdd(difference, difference, sum2);
            difference = Vector.Load(columns + 3 * width) - component;
            sum3 = Vector.FusedMultiplyAdd(difference, difference, sum3);
            columns += Block;
        }
        sum0.Store(distances);
        sum1.Store(distances + width);
        sum2.Store(distances + 2 * width);
        sum3.Store(distances + 3 * width);
    }
}
