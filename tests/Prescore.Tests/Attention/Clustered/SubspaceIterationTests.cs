using MathNet.Numerics.LinearAlgebra;
using Prescore.Attention.Clustered;
using Prescore.Numerics;

namespace Prescore.Tests.Attention.Clustered;

public class SubspaceIterationTests
{
    /// <summary>One pass of Gram-Schmidt leaves about 1e-8 where columns of S·M·X are as near to parallel as here.</summary>
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(12)]
    public void Columns_are_orthonormal_and_in_step_with_their_products_to_the_last_digits(int steps)
    {
        const int d = 49, rank = 16;
        Matrix<double> m = Decaying(d, k => 1.0 / (k + 1), seed: 1), s = Decaying(d, k => Math.Pow(4, -k), seed: 2);
        var memory = new double[SubspaceIteration.Size(d, rank)];
        memory.AsSpan().Fill(double.NaN);
        var iteration = new SubspaceIteration(d, rank, memory);
        iteration.SetM(m.ToRowMajorArray(), scale: 3, diagonal: 1e-4);
        iteration.SetS(s.ToRowMajorArray(), scale: 2);
        iteration.StartCold();
        iteration.Run(steps);
        Matrix<double> x = Dense(iteration.X, iteration.Stride, d, rank), z = Dense(iteration.Z, iteration.Stride, d, rank);
        Matrix<double> scaled = 3 * m + 1e-4 * Matrix<double>.Build.DenseIdentity(d);
        (x.TransposeThisAndMultiply(scaled * x) - Matrix<double>.Build.DenseIdentity(rank)).Enumerate().ShouldAllBe(e => Math.Abs(e) < 1e-13);
        (z - scaled * x).Enumerate().ShouldAllBe(e => Math.Abs(e) < 1e-13);
        var variances = new double[rank];
        iteration.Variances(variances);
        Vector<double> expected = (z.TransposeThisAndMultiply(2 * s) * z).Diagonal();
        variances.Zip(expected, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(1e-12);
    }

    private static Matrix<double> Decaying(int d, Func<int, double> eigenvalue, int seed)
    {
        Matrix<double> u = Matrix<double>.Build
            .Dense(d, d, (i, j) => CounterRandom.Gaussian(CounterRandom.Hash((ulong)seed, 0, i, j, stream: 103))).QR().Q;
        Matrix<double> product = u * Matrix<double>.Build.DenseDiagonal(d, d, eigenvalue) * u.Transpose();
        return (product + product.Transpose()) / 2;
    }

    private static Matrix<double> Dense(ReadOnlySpan<double> rows, int stride, int d, int rank) =>
        Matrix<double>.Build.DenseOfRowMajor(d, stride, rows[..(d * stride)].ToArray()).SubMatrix(0, d, 0, rank);
}
