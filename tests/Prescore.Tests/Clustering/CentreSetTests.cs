using CsCheck;
using Prescore.Clustering;
using Prescore.Kernels;
using Prescore.Tests.Scoring;

namespace Prescore.Tests.Clustering;

public class CentreSetTests
{
    [Theory]
    [InlineData(1, 1, 1)]
    [InlineData(63, 3, 5)]
    [InlineData(65, 64, 65)]
    [InlineData(257, 7, 31)]
    [InlineData(1000, 65, 200)]
    public void Assigns_to_the_nearest_centre_and_measures_the_distance(int count, int dimension, int centres)
    {
        foreach (SimdPath simd in new[] { SimdPath.Scalar, SimdPath.Vector256, SimdPath.Vector512 })
        {
            foreach (float offset in new[] { 0f, 300f })
            {
                float[] points = [.. ScoringKeys.Clustered(count, dimension, 1).Select(value => value + offset)];
                float[] targets = [.. ScoringKeys.Clustered(centres, dimension, 2).Select(value => value + offset)];
                using var set = new CentreSet(targets, centres, dimension, simd);
                var labels = new int[count];
                labels.AsSpan().Fill(-1);
                set.Assign(ScoringKeys.Matrix(points, dimension), labels);
                var distances = new float[count];
                set.Distances(ScoringKeys.Matrix(points, dimension), labels, distances);
                Check(NaiveClustering.Rows(points, dimension), NaiveClustering.Rows(targets, dimension), labels, distances);
            }
        }
    }

    [Fact]
    public void Equal_centres_go_to_the_lower_index()
    {
        float[] centre = ScoringKeys.Clustered(1, 8, 1);
        float[] centres = [.. Enumerable.Range(0, 37).SelectMany(_ => centre)];
        using var set = new CentreSet(centres, 37, 8, SimdPaths.Best);
        var labels = new int[100];
        set.Assign(ScoringKeys.Matrix(ScoringKeys.Clustered(100, 8, 2), 8), labels);
        labels.ShouldAllBe(label => label == 0);
    }

    [Fact]
    public void Offset_minimum_is_the_first_least_sum() =>
        Gen.Select(Gen.Int[-4, 4], Gen.Int[-4, 4]).Array[1, 100].Sample(pairs =>
        {
            float[] sums = [.. pairs.Select(pair => (float)(pair.Item1 + pair.Item2))];
            OffsetMinimum.IndexOf([.. pairs.Select(pair => (float)pair.Item1)], [.. pairs.Select(pair => (float)pair.Item2)])
                .ShouldBe(Array.IndexOf(sums, sums.Min()));
        });

    private static void Check(double[][] points, double[][] centres, int[] labels, float[] distances)
    {
        (int[] expected, _) = NaiveClustering.Assign(points, centres, power: 1);
        for (int i = 0; i < points.Length; i++)
        {
            double best = NaiveClustering.Distance(points[i], centres[expected[i]]);
            double own = NaiveClustering.Distance(points[i], centres[labels[i]]);
            // Two centres may be equally near to within the rounding of single precision.
            own.ShouldBe(best, 1e-4 * best);
            ((double)distances[i]).ShouldBe(own, 1e-6 * own);
        }
    }
}
