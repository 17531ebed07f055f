using System.Numerics;

namespace Prescore.Kernels;

/// <summary>Squared distances of the keys of a packed panel to one point: no sum across a vector is needed.</summary>
internal static unsafe class PanelDistances
{
    /// <summary>distances[j] = Σ_l (panel[l, j] − point[l])². Four chains of sums at a time, as one waits for itself.</summary>
    /// <param name="panel">Panel [d, width], dense.</param>
    /// <param name="width">Keys of the panel, a whole number of vectors.</param>
    /// <param name="point">Point [d].</param>
    /// <param name="distances">Receives <paramref name="width"/> distances.</param>
    public static void Squared(float* panel, int width, ReadOnlySpan<float> point, Span<float> distances)
    {
        int lanes = Vector<float>.Count;
        fixed (float* to = distances)
        {
            int key = 0;
            for (; key + 4 * lanes <= width; key += 4 * lanes)
            {
                float* column = panel + key;
                Vector<float> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
                foreach (float component in point)
                {
                    var centre = new Vector<float>(component);
                    Vector<float> difference = Vector.Load(column) - centre;
                    sum0 = Vector.FusedMultiplyAdd(difference, difference, sum0);
                    difference = Vector.Load(column + lanes) - centre;
                    sum1 = Vector.FusedMultiplyAdd(difference, difference, sum1);
                    difference = Vector.Load(column + 2 * lanes) - centre;
                    sum2 = Vector.FusedMultiplyAdd(difference, difference, sum2);
                    difference = Vector.Load(column + 3 * lanes) - centre;
                    sum3 = Vector.FusedMultiplyAdd(difference, difference, sum3);
                    column += width;
                }
                sum0.Store(to + key);
                sum1.Store(to + key + lanes);
                sum2.Store(to + key + 2 * lanes);
                sum3.Store(to + key + 3 * lanes);
            }
            for (; key < width; key += lanes)
            {
                float* column = panel + key;
                Vector<float> sum = default;
                foreach (float component in point)
                {
                    Vector<float> difference = Vector.Load(column) - new Vector<float>(component);
                    sum = Vector.FusedMultiplyAdd(difference, difference, sum);
                    column += width;
                }
                sum.Store(to + key);
            }
        }
    }
}
