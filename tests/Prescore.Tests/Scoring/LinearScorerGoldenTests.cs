using MathNet.Numerics.LinearAlgebra;
using Prescore.Numerics;
using Prescore.Scoring;

namespace Prescore.Tests.Scoring;

/// <summary>Leverage, ridge leverage and norms on keys of a language model, against double-precision references.</summary>
public class LinearScorerGoldenTests
{
    private const int D = ScoringKeys.Dimension;
    private const int Top = 128;

    private readonly GoldenTensors _golden = GoldenTensors.Open("linear");
    private readonly float[] _keys = GoldenTensors.Open("keys").Floats("k");

    [Fact]
    public void Gram_matrix_in_double_precision()
    {
        var gram = new double[D * D];
        var moment = new SecondMoment(D);
        moment.Add(ScoringKeys.Matrix(_keys, D));
        moment.CopySumTo(gram);
        gram.ShouldMatch(_golden.Doubles("gram"), 1e-12);
    }

    [Fact]
    public void Singular_values_and_mean()
    {
        Matrix<double> keys = Matrix<double>.Build.Dense(_keys.Length / D, D, (i, j) => _keys[i * D + j]);
        keys.Svd(computeVectors: false).S.ToArray().ShouldMatchEach(_golden.Doubles("singular_values"), 1e-9);
        (keys.ColumnSums() / keys.RowCount).ToArray().ShouldMatch(_golden.Doubles("mean"), 1e-9);
    }

    [Theory]
    [InlineData("leverage", 0)]
    [InlineData("ridge_leverage", 0.1)]
    [InlineData("ridge_leverage_b", 1)]
    public void Scores_in_double_precision(string name, double relativeRidge) =>
        Leverage(_keys.ToDoubles(), relativeRidge).ShouldMatchEach(_golden.Doubles(name), 1e-9);

    [Fact]
    public void Centred_leverage_in_double_precision()
    {
        double[] mean = _golden.Doubles("mean");
        double[] centred = [.. _keys.Select((value, i) => value - mean[i % D])];
        Leverage(centred, 0).ShouldMatchEach(_golden.Doubles("leverage_centred"), 1e-9);
    }

    [Fact]
    public void Ridge_parameters()
    {
        double trace = Cholesky.Trace(_golden.Doubles("gram"), D);
        new[] { 0.1 * trace / D }.ShouldMatchEach(_golden.Doubles("ridge_lambda"), 1e-9);
        new[] { trace / D }.ShouldMatchEach(_golden.Doubles("ridge_lambda_b"), 1e-9);
    }

    [Fact]
    public void Norms_in_double_precision()
    {
        double[][] rows = [.. _keys.ToDoubles().Chunk(D)];
        double[] l2 = [.. rows.Select(row => Math.Sqrt(row.Sum(x => x * x)))];
        l2.ShouldMatchEach(_golden.Doubles("row_norm_l2"), 1e-9);
        double[] l1 = [.. rows.Select(row => row.Sum(Math.Abs))];
        l1.ShouldMatchEach(_golden.Doubles("row_norm_l1"), 1e-9);
    }

    [Theory]
    [InlineData("leverage", "leverage", 2e-5)]
    [InlineData("ridge", "ridge_leverage", 2e-6)]
    [InlineData("norm", "row_norm_l2", 1e-6)]
    public void Fast_path_scores_and_selects_the_same_keys(string scorer, string name, double tolerance)
    {
        double[] reference = _golden.Doubles(name);
        float[] scores = ScoringKeys.Score(KeyScorers.Create(scorer), _keys, D, ScoringKeys.Context(Top));
        scores.ToDoubles().ShouldMatchEach(reference, tolerance);
        var selected = new int[Top];
        TopSelection.Select(scores, Top, selected).ShouldBe(new SelectionResult(Top, Flat: false));
        selected.ShouldSelect(_golden.Integers("top128_" + name), reference, 1e-5);
    }

    /// <summary>kᵀ(KᵀK + λI)⁻¹k with λ = ρ·trace/d, by a Gram matrix summed here and the package's factorisation.</summary>
    private static double[] Leverage(double[] keys, double relativeRidge)
    {
        var gram = new double[D * D];
        double[][] rows = [.. keys.Chunk(D)];
        for (int i = 0; i < D * D; i++)
        {
            gram[i] = rows.Sum(row => row[i / D] * row[i % D]);
        }
        Cholesky.AddRidge(gram, D, relativeRidge * Cholesky.Trace(gram, D) / D);
        Cholesky.Factor(gram, D);
        Cholesky.InvertFactor(gram, D);
        return [.. rows.Select(row => Enumerable.Range(0, D)
            .Sum(i => Math.Pow(Enumerable.Range(0, i + 1).Sum(j => gram[i * D + j] * row[j]), 2)))];
    }
}
