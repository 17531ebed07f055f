using System.Numerics;

namespace Prescore.Kernels;

/// <summary>For every column of a table, which row is largest after an offset a row: the nearest of a few centroids.</summary>
internal static unsafe class ColumnMaximum
{
    /// <summary>best[j] = the i with the largest table[i, j] − offsets[i], ties to the lower i.</summary>
    /// <param name="table">[rows, stride]; every row is readable up to a whole vector beyond <paramref name="columns"/>.</param>
    /// <param name="stride">Floats from one row to the next, a multiple of 16.</param>
    /// <param name="columns">Number of columns.</param>
    /// <param name="offsets">One offset a row.</param>
    /// <param name="best">Receives a row for each column; as long as the columns rounded up to 16.</param>
    public static void IndexOf(ReadOnlySpan<float> table, int stride, int columns, ReadOnlySpan<float> offsets, Span<int> best)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(table.Length, stride * offsets.Length);
        ArgumentOutOfRangeException.ThrowIfLessThan(best.Length, (columns + 15) / 16 * 16);
        fixed (float* data = table)
        fixed (int* target = best)
        {
            for (int column = 0; column < columns; column += Vector<float>.Count)
            {
                var highest = new Vector<float>(float.NegativeInfinity);
                Vector<int> row = default;
                for (int i = 0; i < offsets.Length; i++)
                {
                    Vector<float> value = Vector.Load(data + (nint)i * stride + column) - new Vector<float>(offsets[i]);
                    Vector<int> greater = Vector.GreaterThan(value, highest);
                    highest = Vector.ConditionalSelect(greater, value, highest);
                    row = Vector.ConditionalSelect(greater, new Vector<int>(i), row);
                }
                row.Store(target + column);
            }
        }
    }
}
