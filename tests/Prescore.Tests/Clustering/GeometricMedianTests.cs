using CsCheck;
using Prescore.Clustering;
using Prescore.Tests.Scoring;

namespace Prescore.Tests.Clustering;

public class GeometricMedianTests
{
    [Fact]
    public void No_small_move_lowers_the_sum_of_distances() =>
        Gen.Select(Gen.Int[1, 40], Gen.Int[1, 19], Gen.ULong).Sample(
            (count, dimension, seed) =>
            {
                float[] points = ScoringKeys.Clustered(count, dimension, seed, clusters: 2);
                double[] median = Median(points, dimension, start: points[..dimension].ToDoubles());
                double least = Sum(points, dimension, median);
                for (int l = 0; l < dimension; l++)
                {
                    foreach (double move in new[] { 1e-3, -1e-3 })
                    {
                        double[] moved = [.. median];
                        moved[l] += move;
                        Sum(points, dimension, moved).ShouldBeGreaterThan(least - 1e-7);
                    }
                }
            },
            iter: 50);

    [Fact]
    public void Leaves_a_data_point_that_is_not_the_median()
    {
        // Weiszfeld's own iteration would stay where it starts.
        double[] median = Median([0, 0, 4, 0, 0, 3, -4, 0, 0, -3, 40, 0, -40, 0], 2, start: [40, 0]);
        median[0].ShouldBe(0, 1e-6);
        median[1].ShouldBe(0, 1e-6);
    }

    [Fact]
    public void Stays_on_the_data_point_that_is_the_median()
    {
        Median([0, 0, 4, 0, 0, 3, -4, 0, 0, -3], 2, start: [0, 0]).ShouldBe([0, 0]);
        Median([1, 1, 1, 5], 1, start: [1]).ShouldBe([1]);
        Median([7], 1, start: [7]).ShouldBe([7]);
    }

    private static double[] Median(float[] points, int dimension, double[] start)
    {
        double[] median = [.. start];
        int[] members = [.. Enumerable.Range(0, points.Length / dimension)];
        GeometricMedian.Find(ScoringKeys.Matrix(points, dimension), members, median, 1e-12, 20_000);
        return median;
    }

    private static double Sum(float[] points, int dimension, double[] at) =>
        NaiveClustering.Rows(points, dimension).Sum(point => NaiveClustering.Distance(point, at));
}
