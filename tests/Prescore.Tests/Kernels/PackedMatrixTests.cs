using Prescore.Kernels;

namespace Prescore.Tests.Kernels;

public class PackedMatrixTests
{
    [Theory]
    [InlineData(SimdPath.Scalar)]
    [InlineData(SimdPath.Vector256)]
    [InlineData(SimdPath.Vector512)]
    public void Product_equals_the_naive_one(SimdPath path)
    {
        var random = new Random(3);
        foreach ((int m, int rows, int depth) in new[] { (1, 1, 1), (1, 65, 63), (5, 16, 64), (7, 17, 300), (63, 100, 577), (193, 257, 65), (400, 33, 1000) })
        {
            int aStride = depth + 3, cStride = rows + 2;
            float[] a = Random(random, m * aStride), b = Random(random, rows * depth);
            float[] c = [.. Enumerable.Repeat(float.NaN, m * cStride)];
            using PackedMatrix packed = PackedMatrix.Pack(b, rows, depth, path);
            packed.Multiply(a, aStride, m, c, cStride, threads: 2);
            float[] again = new float[m * cStride];
            packed.Multiply(a, aStride, m, again, cStride, threads: 1);
            for (int i = 0; i < m; i++)
            {
                for (int j = 0; j < rows; j++)
                {
                    double expected = 0;
                    for (int l = 0; l < depth; l++)
                    {
                        expected += (double)a[i * aStride + l] * b[j * depth + l];
                    }
                    ((double)c[i * cStride + j]).ShouldBe(expected, 1e-6 * depth, $"[{m}, {rows}, {depth}] at {i}, {j}");
                    again[i * cStride + j].ShouldBe(c[i * cStride + j]);
                }
                for (int j = rows; j < cStride; j++)
                {
                    c[i * cStride + j].ShouldBe(float.NaN, "the gap between rows must stay untouched");
                }
            }
        }
    }

    [Fact]
    public void Short_spans_are_refused()
    {
        using PackedMatrix packed = PackedMatrix.Pack(new float[12], 3, 4, SimdPath.Scalar);
        Should.Throw<ArgumentException>(() => packed.Multiply(new float[7], 4, 2, new float[6], 3, 1));
        Should.Throw<ArgumentException>(() => packed.Multiply(new float[8], 4, 2, new float[5], 3, 1));
        Should.Throw<ArgumentException>(() => PackedMatrix.Pack(new float[11], 3, 4, SimdPath.Scalar));
    }

    private static float[] Random(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => (float)(random.NextDouble() * 2 - 1))];
}
