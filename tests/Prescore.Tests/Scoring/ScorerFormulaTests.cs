using MathNet.Numerics.LinearAlgebra;
using Prescore.Clustering;
using Prescore.Kernels;
using Prescore.Numerics;
using Prescore.Scoring;
using Prescore.Tests.Clustering;

namespace Prescore.Tests.Scoring;

/// <summary>Scores against their defining formulae, computed naively, for the fitted keys and for later ones.</summary>
public class ScorerFormulaTests
{
    private const int D = 16;
    private const int Fitted = 257;

    private readonly float[] _keys = ScoringKeys.Clustered(Fitted + 65, D, 11, clusters: 9);

    private static ScoringContext Context => ScoringKeys.Context(24);

    [Theory]
    [InlineData("", ClusterScore.Sensitivity)]
    [InlineData("-far", ClusterScore.Far)]
    [InlineData("-near", ClusterScore.Near)]
    [InlineData("-share", ClusterScore.Share)]
    public void Clustering_scores(string suffix, ClusterScore formula)
    {
        const int K = 12; // min(d + 1, ⌊24/2⌋)
        var labels = new int[Fitted];
        ClusterFit means = KMeans.Fit(ScoringKeys.Matrix(_keys[..(Fitted * D)], D), K, Context.Origin, labels, 2, SimdPaths.Best);
        Check("kmeans" + suffix, formula, means, labels);
        ClusterFit medians = KMedian.Fit(ScoringKeys.Matrix(_keys[..(Fitted * D)], D), K, Context.Origin, labels, 2, SimdPaths.Best);
        Check("kmedian" + suffix, formula, medians, labels);
    }

    [Theory]
    [InlineData("", ClusterScore.Sensitivity)]
    [InlineData("-far", ClusterScore.Far)]
    [InlineData("-near", ClusterScore.Near)]
    [InlineData("-share", ClusterScore.Share)]
    public void Kernel_clustering_scores(string suffix, ClusterScore formula)
    {
        const int K = 12;
        KeyMatrix fitted = ScoringKeys.Matrix(_keys[..(Fitted * D)], D);
        var labels = new int[Fitted];
        KMeansSeeding.Choose(fitted, K, Context.Origin, new int[K], labels).ShouldBe(K);
        var kernel = new GaussianKernel(fitted);
        KernelKMeans.Refine(kernel, K, labels, 8);
        double[][] keys = NaiveClustering.Rows(_keys, D);
        double Kernel(double[] x, double[] y) => Math.Exp(-kernel.Gamma * Math.Pow(NaiveClustering.Distance(x, y), 2));
        double[][][] clusters = [.. Enumerable.Range(0, K).Select(c => keys[..Fitted].Where((_, i) => labels[i] == c).ToArray())];
        double[] similarities = [.. clusters.Select(members => members.Average(x => members.Average(y => Kernel(x, y))))];
        (int Label, double Distance)[] nearest = [.. keys.Select(key => clusters
            .Select((members, c) => (Label: c, Distance: Math.Sqrt(1 - 2 * members.Average(y => Kernel(key, y)) + similarities[c])))
            .MinBy(pair => pair.Distance))];
        Scores("kernel-kmeans" + suffix).ShouldMatch(Formula(formula, K, nearest), 1e-4);
    }

    [Theory]
    [InlineData("leverage", 1e-9)]
    [InlineData("ridge", 0.1)]
    public void Leverage_scores(string name, double relativeRidge)
    {
        Matrix<double> keys = Rows(_keys);
        Matrix<double> gram = keys.SubMatrix(0, Fitted, 0, D).TransposeThisAndMultiply(keys.SubMatrix(0, Fitted, 0, D));
        Matrix<double> inverse = (gram + relativeRidge * gram.Trace() / D * Matrix<double>.Build.DenseIdentity(D)).Inverse();
        double[] expected = [.. keys.EnumerateRows().Select(key => key * inverse * key)];
        Scores(name).ShouldMatchEach(expected, 1e-4);
    }

    [Fact]
    public void Leverage_of_rank_deficient_keys_is_that_of_the_pseudo_inverse()
    {
        float[] keys = ScoringKeys.Clustered(100, D, 3);
        for (int i = 0; i < keys.Length; i++)
        {
            keys[i] = i % D < 11 ? keys[i] : i % D < 13 ? keys[i - 5] : 0;
        }
        Matrix<double> dense = Rows(keys);
        double[] expected = [.. dense.Svd().U.EnumerateRows().Select(row => row.SubVector(0, 11).DotProduct(row.SubVector(0, 11)))];
        ScoringKeys.Score(new LeverageScorer(), keys, D, Context).ToDoubles().ShouldMatchEach(expected, 2e-3);
    }

    [Fact]
    public void A_later_key_in_a_new_direction_scores_highest_by_leverage()
    {
        float[] keys = ScoringKeys.Clustered(100, D, 3);
        for (int i = 0; i < 99 * D; i++)
        {
            keys[i] = i % D < 11 ? keys[i] : 0;
        }
        var scores = new float[100];
        new LeverageScorer().Fit(ScoringKeys.Matrix(keys[..(99 * D)], D), Context).Score(ScoringKeys.Matrix(keys, D), 0, scores);
        scores[99].ShouldBeGreaterThan(1000 * scores[..99].Max());
    }

    [Fact]
    public void Norms() =>
        Scores("norm").ShouldMatchEach([.. Rows(_keys).EnumerateRows().Select(key => key.L2Norm())], 1e-6);

    [Fact]
    public void Key_difference()
    {
        Matrix<double> keys = Rows(_keys);
        Vector<double> mean = keys.SubMatrix(0, Fitted, 0, D).EnumerateRows().Select(key => key.Normalize(2)).Aggregate((a, b) => a + b);
        Scores("keydiff").ShouldMatch([.. keys.EnumerateRows().Select(key => -key.DotProduct(mean) / (key.L2Norm() * mean.L2Norm()))], 1e-6);
    }

    [Fact]
    public void Random_scores_are_uniform_by_position()
    {
        double[] scores = Scores("random");
        for (int i = 0; i < scores.Length; i++)
        {
            scores[i].ShouldBe((float)CounterRandom.Uniform(CounterRandom.Hash(1, 3, 2, 100 + i, RandomStream.RandomScore)));
        }
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(3, 1)]
    [InlineData(4, 2)]
    [InlineData(30, 15)]
    [InlineData(34, 17)]
    [InlineData(1000, 17)]
    public void Number_of_clusters(int selected, int expected)
    {
        // Each of n keys has one product with each of k centres when it is scored.
        IFittedScorer scorer = KeyScorers.Create("kmeans").Fit(ScoringKeys.Matrix(_keys, D), ScoringKeys.Context(selected));
        long before = scorer.IndexProducts;
        scorer.Score(ScoringKeys.Matrix(_keys[..D], D), 0, new float[1]);
        (scorer.IndexProducts - before).ShouldBe(expected);
    }

    private void Check(string name, ClusterScore formula, ClusterFit fit, int[] labels)
    {
        double[][] centres = NaiveClustering.Rows(fit.Centres.Centres.ToArray(), D);
        double[][] keys = NaiveClustering.Rows(_keys, D);
        (int[] nearest, _) = NaiveClustering.Assign(keys, centres, power: 1);
        nearest[..Fitted].ShouldBe(labels);
        Scores(name).ShouldMatch(
            Formula(formula, centres.Length, [.. keys.Select((key, i) => (nearest[i], NaiveClustering.Distance(key, centres[nearest[i]])))]), 1e-5);
    }

    /// <summary>The four formulae; sizes and costs come from the fitted keys, which stand first.</summary>
    private static double[] Formula(ClusterScore formula, int k, (int Label, double Distance)[] keys)
    {
        double[] costs = new double[k];
        int[] sizes = new int[k];
        foreach ((int label, double distance) in keys[..Fitted])
        {
            costs[label] += distance * distance;
            sizes[label]++;
        }
        double total = costs.Sum();
        return [.. keys.Select(key => formula switch
        {
            ClusterScore.Far => key.Distance,
            ClusterScore.Near => -key.Distance,
            ClusterScore.Share => costs[key.Label] > 0 ? key.Distance * key.Distance / costs[key.Label] : 0,
            _ => key.Distance * key.Distance / total + costs[key.Label] / (sizes[key.Label] * total) + 1.0 / (k * sizes[key.Label]),
        })];
    }

    /// <summary>Fits on the first keys, scores all.</summary>
    private double[] Scores(string name)
    {
        var scores = new float[_keys.Length / D];
        scores.AsSpan().Fill(float.NaN);
        KeyScorers.Create(name).Fit(ScoringKeys.Matrix(_keys[..(Fitted * D)], D), Context)
            .Score(ScoringKeys.Matrix(_keys, D), Context.FirstPosition, scores);
        return scores.ToDoubles();
    }

    private static Matrix<double> Rows(float[] keys) => Matrix<double>.Build.Dense(keys.Length / D, D, (i, j) => keys[i * D + j]);
}
