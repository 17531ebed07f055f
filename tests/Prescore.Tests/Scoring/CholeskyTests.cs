using MathNet.Numerics.LinearAlgebra;
using Prescore.Numerics;

namespace Prescore.Tests.Scoring;

public class CholeskyTests
{
    public static TheoryData<int, int> Sizes => new() { { 1, 1 }, { 5, 3 }, { 63, 17 }, { 65, 64 }, { 257, 65 }, { 1000, 13 } };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Gram_matrix(int count, int d)
    {
        float[] keys = ScoringKeys.Clustered(count, d, 1);
        var gram = new double[d * d];
        gram.AsSpan().Fill(double.NaN);
        var moment = new SecondMoment(d);
        moment.Add(ScoringKeys.Matrix(keys, d));
        moment.CopySumTo(gram);
        Matrix<double> dense = Matrix<double>.Build.Dense(count, d, (i, j) => keys[i * d + j]);
        gram.ShouldMatch(dense.TransposeThisAndMultiply(dense).ToRowMajorArray(), 1e-13);
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Factor_and_its_inverse(int count, int d)
    {
        float[] keys = ScoringKeys.Clustered(count, d, 2);
        Matrix<double> dense = Matrix<double>.Build.Dense(count, d, (i, j) => keys[i * d + j]);
        Matrix<double> positive = dense.TransposeThisAndMultiply(dense) + Matrix<double>.Build.DenseIdentity(d);
        double[] matrix = positive.ToRowMajorArray();
        Cholesky.Factor(matrix, d);
        Matrix<double> factor = positive.Cholesky().Factor;
        matrix.ShouldMatch(factor.ToRowMajorArray(), 1e-12);
        Cholesky.InvertFactor(matrix, d);
        matrix.ShouldMatch(factor.Inverse().ToRowMajorArray(), 1e-10);
    }
}
