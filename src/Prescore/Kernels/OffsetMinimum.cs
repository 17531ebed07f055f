using System.Numerics;
using System.Runtime.InteropServices;

namespace Prescore.Kernels;

/// <summary>Where a row plus a vector of offsets is smallest: the nearest centroid of a key.</summary>
internal static class OffsetMinimum
{
    /// <summary>
    /// The index of the smallest row[j] + offsets[j], ties to the lower index; 0 where no sum is comparable. One
    /// addition an element: the same on every vector width.
    /// </summary>
    /// <param name="row">Row, at least one element.</param>
    /// <param name="offsets">As many offsets.</param>
    public static int IndexOf(ReadOnlySpan<float> row, ReadOnlySpan<float> offsets)
    {
        int width = Vector<float>.Count;
        ReadOnlySpan<Vector<float>> rows = MemoryMarshal.Cast<float, Vector<float>>(row);
        ReadOnlySpan<Vector<float>> added = MemoryMarshal.Cast<float, Vector<float>>(offsets)[..rows.Length];
        var best = new Vector<float>(float.PositiveInfinity);
        Vector<int> bestBlock = default;
        for (int block = 0; block < rows.Length; block++)
        {
            Vector<float> sum = rows[block] + added[block];
            Vector<int> less = Vector.LessThan(sum, best);
            best = Vector.ConditionalSelect(less, sum, best);
            bestBlock = Vector.ConditionalSelect(less, new Vector<int>(block), bestBlock);
        }
        float minimum = float.PositiveInfinity;
        int index = 0;
        for (int lane = 0; lane < width && rows.Length > 0; lane++)
        {
            int candidate = bestBlock[lane] * width + lane;
            if (best[lane] < minimum || (best[lane] == minimum && candidate < index))
            {
                (minimum, index) = (best[lane], candidate);
            }
        }
        for (int j = rows.Length * width; j < row.Length; j++)
        {
            float sum = row[j] + offsets[j];
            if (sum < minimum)
            {
                (minimum, index) = (sum, j);
            }
        }
        return index;
    }
}
