using Prescore.Kernels;

namespace Prescore.Tests.Kernels;

/// <summary>The oracle of all weight matrices: the product in double precision.</summary>
internal static class MatrixProducts
{
    /// <summary>Checks products with random rows, whatever the threads, gaps between rows untouched, and the copied rows.</summary>
    /// <param name="matrix">The matrix.</param>
    /// <param name="weights">Its weights, dense row-major.</param>
    /// <param name="m">Rows of the other operand.</param>
    /// <param name="random">Draws them.</param>
    /// <param name="rounded">What the matrix makes of a row before it multiplies; null: it takes rows as they are.</param>
    public static void ShouldMultiply(WeightMatrix matrix, float[] weights, int m, Random random, Func<float[], double[]>? rounded = null)
    {
        int rows = matrix.Rows, depth = matrix.Depth, aStride = depth + 3, cStride = rows + 2;
        string shape = $"[{m}, {rows}, {depth}]";
        float[] a = [.. Enumerable.Range(0, m * aStride).Select(_ => random.NextSingle() * 2 - 1)];
        float[] c = [.. Enumerable.Repeat(float.NaN, m * cStride)];
        matrix.Multiply(a, aStride, m, c, cStride, threads: 2);
        var again = new float[m * cStride];
        matrix.Multiply(a, aStride, m, again, cStride, threads: 1);
        for (int i = 0; i < m; i++)
        {
            float[] given = a.AsSpan(i * aStride, depth).ToArray();
            double[] row = rounded is null ? [.. given.Select(value => (double)value)] : rounded(given);
            for (int j = 0; j < rows; j++)
            {
                double expected = 0, size = 0;
                for (int l = 0; l < depth; l++)
                {
                    double product = row[l] * weights[j * depth + l];
                    expected += product;
                    size += Math.Abs(product);
                }
                ((double)c[i * cStride + j]).ShouldBe(expected, 1e-6 * size + 1e-30, $"{shape} at {i}, {j}");
                again[i * cStride + j].ShouldBe(c[i * cStride + j], $"{shape} at {i}, {j} with one thread");
            }
            c.AsSpan(i * cStride + rows, cStride - rows).ToArray().ShouldAllBe(gap => float.IsNaN(gap), "the gap between rows must stay untouched");
        }
        var copied = new float[depth];
        for (int j = 0; j < rows; j += Math.Max(1, rows / 7))
        {
            matrix.CopyRow(j, copied);
            copied.ShouldBe(weights.AsSpan(j * depth, depth).ToArray(), $"{shape} row {j}");
        }
    }
}
