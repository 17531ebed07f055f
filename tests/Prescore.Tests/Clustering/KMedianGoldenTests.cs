using Prescore.Clustering;
using Prescore.Kernels;
using Prescore.Numerics;
using Prescore.Tests.Scoring;

namespace Prescore.Tests.Clustering;

/// <summary>Geometric medians, k-median and k-medoids on keys of a language model, against a double-precision reference.</summary>
public class KMedianGoldenTests
{
    private const int D = ScoringKeys.Dimension;
    private const int K = 65;

    private readonly GoldenTensors _golden = GoldenTensors.Open("kmedian");
    private readonly float[] _keys = GoldenTensors.Open("keys").Floats("k");

    [Fact]
    public void Geometric_medians_of_the_initial_clusters()
    {
        double[][] keys = NaiveClustering.Rows(_keys, D);
        double[] init = _golden.Doubles("init");
        int[] labels = _golden.Integers("labels_init");
        var objectives = new double[K];
        var medians = new double[K * D];
        for (int c = 0; c < K; c++)
        {
            int[] members = Members(labels, c);
            double[] median = init[(c * D)..((c + 1) * D)];
            GeometricMedian.Find(ScoringKeys.Matrix(_keys, D), members, median, 1e-13, 10_000);
            median.CopyTo(medians, c * D);
            objectives[c] = members.Sum(i => NaiveClustering.Distance(keys[i], median));
        }
        medians.ShouldMatch(_golden.Doubles("gmedian_1"), 1e-9);
        objectives.ShouldMatch(_golden.Doubles("gmedian_1_objective"), 1e-9);
    }

    [Fact]
    public void Alternation_in_double_precision()
    {
        double[][] keys = NaiveClustering.Rows(_keys, D);
        NaiveClustering.Result result = NaiveClustering.Lloyd(
            keys, [.. _golden.Doubles("init").Chunk(D)], 1000, Median, power: 1);
        result.Labels.ShouldBe(_golden.Integers("labels"));
        NaiveClustering.Flat(result.Centres).ShouldMatch(_golden.Doubles("centres"), 1e-9);
        result.History.Length.ShouldBe(_golden.Integers("n_iter")[0]);
        result.History.ShouldMatchEach(_golden.Doubles("objective_history"), 1e-9);
        result.History[^1..].ShouldMatchEach(_golden.Doubles("objective"), 1e-9);
    }

    [Fact]
    public void Fast_path_gives_the_same_clustering()
    {
        KeyMatrix keys = ScoringKeys.Matrix(_keys, D);
        var labels = new int[keys.Count];
        ClusterFit fit = KMedian.Fit(keys, [.. _golden.Doubles("init").Select(value => (float)value)], K, labels, 1000, SimdPaths.Best);
        fit.Converged.ShouldBeTrue();
        labels.ShouldBe(_golden.Integers("labels"));
        fit.Centres.Centres.ToArray().ToDoubles().ShouldMatch(_golden.Doubles("centres"), 1e-5);
    }

    [Fact]
    public void Medoids_by_voronoi_iteration()
    {
        double[][] keys = NaiveClustering.Rows(_keys, D);
        int[] labels = _golden.Integers("labels_init");
        int[] medoids = [.. Enumerable.Range(0, K).Select(c => NaiveClustering.Medoid(keys, Members(labels, c)))];
        medoids.ShouldBe(_golden.Integers("medoid_1"));

        medoids = GoldenTensors.Open("kmeans").Integers("init_index");
        var history = new List<double>();
        for (int[] before = []; !before.AsSpan().SequenceEqual(medoids);)
        {
            (labels, double objective) = NaiveClustering.Assign(keys, [.. medoids.Select(i => keys[i])], power: 1);
            history.Add(objective);
            before = medoids;
            medoids = [.. Enumerable.Range(0, K).Select(c => NaiveClustering.Medoid(keys, Members(labels, c)))];
        }
        medoids.ShouldBe(_golden.Integers("medoids"));
        labels.ShouldBe(_golden.Integers("medoid_labels"));
        history.Count.ShouldBe(_golden.Integers("medoid_n_iter")[0]);
        history.ToArray().ShouldMatchEach(_golden.Doubles("medoid_objective_history"), 1e-9);
        history.ToArray()[^1..].ShouldMatchEach(_golden.Doubles("medoid_objective"), 1e-9);
    }

    private static int[] Members(int[] labels, int cluster) => [.. Enumerable.Range(0, labels.Length).Where(i => labels[i] == cluster)];

    private static double[] Median(double[][] members, double[] before)
    {
        // The keys are single-precision numbers, so the conversion is exact.
        float[] values = [.. members.SelectMany(member => member).Select(value => (float)value)];
        double[] median = [.. before];
        GeometricMedian.Find(ScoringKeys.Matrix(values, D), [.. Enumerable.Range(0, members.Length)], median, 1e-13, 10_000);
        return median;
    }
}
