using Prescore.Clustering;
using Prescore.Kernels;
using Prescore.Numerics;
using Prescore.Tests.Scoring;

namespace Prescore.Tests.Clustering;

/// <summary>Lloyd's iteration on keys of a language model, from given centres, against a double-precision reference.</summary>
public class KMeansGoldenTests
{
    private const int D = ScoringKeys.Dimension;
    private const int K = 65;

    private readonly GoldenTensors _golden = GoldenTensors.Open("kmeans");
    private readonly float[] _keys = GoldenTensors.Open("keys").Floats("k");

    [Theory]
    [InlineData(1, "_1")]
    [InlineData(5, "_5")]
    [InlineData(1000, "")]
    public void Oracle_in_double_precision(int moves, string suffix)
    {
        NaiveClustering.Result result = Oracle(moves);
        result.Labels.ShouldBe(_golden.Integers("labels" + suffix));
        NaiveClustering.Flat(result.Centres).ShouldMatch(_golden.Doubles("centres" + suffix), 1e-9);
        result.History[^1].ShouldBe(_golden.Doubles("inertia" + suffix)[0], 1e-4);
    }

    [Fact]
    public void Oracle_history_sizes_and_distances()
    {
        NaiveClustering.Result result = Oracle(1000);
        double[] history = _golden.Doubles("inertia_history");
        result.History.Length.ShouldBe(_golden.Integers("n_iter")[0]);
        result.History.ShouldMatchEach(history, 1e-9);
        _golden.Doubles("inertia_init").ShouldMatchEach(history[..1], 1e-9);
        result.Labels.CountBy(label => label).OrderBy(pair => pair.Key).Select(pair => pair.Value).ShouldBe(_golden.Integers("sizes"));
        double[] distances = [.. NaiveClustering.Rows(_keys, D).Select((key, i) => NaiveClustering.Distance(key, result.Centres[result.Labels[i]]))];
        distances.ShouldMatchEach(_golden.Doubles("distance"), 1e-9);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Fast_path_gives_the_same_clustering(SimdPath simd)
    {
        KeyMatrix keys = ScoringKeys.Matrix(_keys, D);
        float[] init = [.. _golden.Doubles("init").Select(value => (float)value)];
        var labels = new int[keys.Count];
        foreach ((int steps, string suffix) in new[] { (0, "_init"), (1, "_1"), (5, "_5"), (1000, "") })
        {
            ClusterFit fit = KMeans.Fit(keys, init, K, labels, steps, simd);
            labels.ShouldBe(_golden.Integers("labels" + suffix));
            Inertia(keys, fit, labels).ShouldBe(_golden.Doubles("inertia" + suffix)[0], 1e-6 * _golden.Doubles("inertia" + suffix)[0]);
            fit.Converged.ShouldBe(steps == 1000);
            fit.Steps.ShouldBe(steps == 1000 ? _golden.Integers("n_iter")[0] - 1 : steps);
            if (steps > 0)
            {
                fit.Centres.Centres.ToArray().ToDoubles().ShouldMatch(_golden.Doubles("centres" + suffix), 1e-7);
            }
        }
    }

    public static TheoryData<SimdPath> Paths => [SimdPath.Scalar, SimdPath.Vector256, SimdPath.Vector512];

    private static double Inertia(KeyMatrix keys, ClusterFit fit, int[] labels)
    {
        var distances = new float[keys.Count];
        fit.Centres.Distances(keys, labels, distances);
        return distances.Sum(distance => (double)distance * distance);
    }

    private NaiveClustering.Result Oracle(int moves)
    {
        double[][] keys = NaiveClustering.Rows(_keys, D);
        double[][] init = [.. _golden.Integers("init_index").Select(i => keys[i])];
        NaiveClustering.Flat(init).ShouldBe(_golden.Doubles("init"));
        return NaiveClustering.Lloyd(keys, init, moves, NaiveClustering.Mean, power: 2);
    }
}
