using CsCheck;
using Prescore.Clustering;
using Prescore.Kernels;
using Prescore.Numerics;
using Prescore.Tests.Scoring;

namespace Prescore.Tests.Clustering;

public class LloydTests
{
    [Fact]
    public void Steps_never_raise_the_cost() =>
        Gen.Select(Gen.Int[2, 300], Gen.Int[1, 20], Gen.Int[1, 30], Gen.ULong).Sample(
            (count, dimension, k, seed) =>
            {
                float[] points = ScoringKeys.Clustered(count, dimension, seed);
                double last = double.PositiveInfinity;
                for (int steps = 0; steps < 6; steps++)
                {
                    var labels = new int[count];
                    ClusterFit fit = KMeans.Fit(
                        ScoringKeys.Matrix(points, dimension), Math.Min(k, count), new RandomOrigin(seed, 0, 0, 0), labels, steps, SimdPaths.Best);
                    double cost = Cost(points, dimension, fit, labels);
                    cost.ShouldBeLessThanOrEqualTo(last * (1 + 1e-5) + 1e-6);
                    last = cost;
                }
            },
            iter: 50);

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_best_of_some_seeds_finds_separated_clusters(bool median)
    {
        const int Clusters = 5;
        float[] points = ScoringKeys.Clustered(1000, 16, 4, Clusters);
        double least = double.PositiveInfinity;
        int[] best = [];
        for (ulong seed = 0; seed < 10; seed++)
        {
            var labels = new int[1000];
            var origin = new RandomOrigin(seed, 0, 0, 0);
            ClusterFit fit = median
                ? KMedian.Fit(ScoringKeys.Matrix(points, 16), Clusters, origin, labels, 50, SimdPaths.Best)
                : KMeans.Fit(ScoringKeys.Matrix(points, 16), Clusters, origin, labels, 50, SimdPaths.Best);
            fit.Converged.ShouldBeTrue();
            double cost = Cost(points, 16, fit, labels);
            (least, best) = cost < least ? (cost, labels) : (least, best);
        }
        // Point i was drawn from cluster i mod 5.
        best[..Clusters].Distinct().Count().ShouldBe(Clusters);
        Enumerable.Range(0, 1000).Count(i => best[i] != best[i % Clusters]).ShouldBe(0);
    }

    [Fact]
    public void A_warm_start_at_the_result_converges_at_once()
    {
        float[] points = ScoringKeys.Clustered(500, 8, 1);
        var labels = new int[500];
        ClusterFit fit = KMeans.Fit(ScoringKeys.Matrix(points, 8), 10, new RandomOrigin(1, 0, 0, 0), labels, 1000, SimdPaths.Best);
        int[] again = new int[500];
        ClusterFit warm = KMeans.Fit(ScoringKeys.Matrix(points, 8), fit.Centres.Centres, 10, again, 1000, SimdPaths.Best);
        warm.Steps.ShouldBe(1);
        again.ShouldBe(labels);
        warm.Products.ShouldBe(2 * 500 * 10);
    }

    [Fact]
    public void An_empty_cluster_receives_the_farthest_point()
    {
        // The third centre is nearest to nothing; 9 is the point farthest from its centre.
        float[] points = [0, 0.5f, 1, 9, 20, 20.5f];
        var labels = new int[6];
        ClusterFit fit = KMeans.Fit(ScoringKeys.Matrix(points, 1), [0.5f, 20, 1000], 3, labels, 100, SimdPaths.Best);
        labels.ShouldBe([0, 0, 0, 2, 1, 1]);
        fit.Centres.Centres.ToArray().ShouldBe([0.5f, 20.25f, 9]);
    }

    [Fact]
    public void A_cluster_stays_empty_where_all_points_coincide()
    {
        var labels = new int[4];
        ClusterFit fit = KMeans.Fit(ScoringKeys.Matrix([2, 2, 2, 2], 1), [2, 7], 2, labels, 100, SimdPaths.Best);
        labels.ShouldBe([0, 0, 0, 0]);
        fit.Centres.Centres.ToArray().ShouldBe([2, 7]);
    }

    [Fact]
    public void An_empty_kernel_cluster_receives_the_farthest_point()
    {
        var kernel = new GaussianKernel(ScoringKeys.Matrix([0, 0.1f, 0.2f, 5, 5.1f, 40], 1));
        int[] labels = [0, 0, 0, 1, 1, 1];
        KernelKMeans.Refine(kernel, 3, labels, 100);
        labels.ShouldBe([0, 0, 0, 1, 1, 2]);
    }

    private static double Cost(float[] points, int dimension, ClusterFit fit, int[] labels)
    {
        var distances = new float[labels.Length];
        fit.Centres.Distances(ScoringKeys.Matrix(points, dimension), labels, distances);
        return distances.Sum(distance => (double)distance * distance);
    }
}
