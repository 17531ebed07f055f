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
        foreach ((int m, int rows, int depth) in new[] { (1, 1, 1), (1, 65, 63), (5, 16, 64), (7, 17, 300), (63, 100, 577), (193, 257, 65), (400, 33, 1000), (7, 65, 2049) })
        {
            float[] weights = [.. Enumerable.Range(0, rows * depth).Select(_ => random.NextSingle() * 2 - 1)];
            using PackedMatrix packed = PackedMatrix.Pack(weights, rows, depth, path);
            MatrixProducts.ShouldMultiply(packed, weights, m, random);
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
}
