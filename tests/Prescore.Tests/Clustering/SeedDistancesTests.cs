using Prescore.Clustering;
using Prescore.Tests.Scoring;

namespace Prescore.Tests.Clustering;

public class SeedDistancesTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(64, 5)]
    [InlineData(130, 64)]
    [InlineData(200, 67)]
    public void Centres_count_from_the_next_refresh_on_and_before_it_in_the_share_left(int count, int dimension)
    {
        float[] points = ScoringKeys.Clustered(count, dimension, 1);
        double[][] rows = NaiveClustering.Rows(points, dimension);
        int[] centres = [0, count / 3, count / 2, count - 1];
        var distances = new SeedDistances(ScoringKeys.Matrix(points, dimension));
        try
        {
            distances.AddCentre(rows[centres[0]].Select(x => (float)x).ToArray());
            distances.MustRefresh.ShouldBeTrue();
            distances.Refresh();
            distances.MustRefresh.ShouldBeFalse();
            double before = distances.Total;
            foreach (int centre in centres[1..])
            {
                distances.AddCentre(rows[centre].Select(x => (float)x).ToArray());
            }
            distances.Total.ShouldBe(before);
            for (int i = 0; i < count; i++)
            {
                double old = Nearest(rows, i, centres[..1]);
                if (old > 0)
                {
                    distances.ShareLeft(i).ShouldBe(Nearest(rows, i, centres) / old, 1e-5);
                }
            }

            distances.Refresh();

            // Points are scaled by a power of two, all distances by its square.
            double ratio = before / Enumerable.Range(0, count).Sum(i => Nearest(rows, i, centres[..1]));
            double expected = Enumerable.Range(0, count).Sum(i => Nearest(rows, i, centres));
            if (before > 0)
            {
                distances.Total.ShouldBe(ratio * expected, 1e-5 * before);
            }
            var labels = new int[count];
            distances.CopyLabels(labels);
            labels.ShouldBe(NaiveClustering.Assign(rows, [.. centres.Select(i => rows[i])], power: 1).Labels);
        }
        finally
        {
            distances.Dispose();
        }
    }

    [Fact]
    public void A_target_picks_the_point_whose_part_of_the_sum_it_falls_into()
    {
        // Two points off the centre in the first block of 64 and one in the second; powers of two keep the sums exact.
        float[] points = new float[70];
        (points[1], points[3], points[69]) = (2, 4, 8);
        var distances = new SeedDistances(ScoringKeys.Matrix(points, 1));
        try
        {
            distances.AddCentre([0]);
            distances.Refresh();
            double part = distances.Total / (4 + 16 + 64);
            distances.PointAt(0).ShouldBe(1);
            distances.PointAt(3.9 * part).ShouldBe(1);
            distances.PointAt(4 * part).ShouldBe(3);
            distances.PointAt(19.9 * part).ShouldBe(3);
            distances.PointAt(20 * part).ShouldBe(69);
            distances.PointAt(83.9 * part).ShouldBe(69);
            distances.ShareLeft(69).ShouldBe(1);
            distances.AddCentre([8]);
            distances.ShareLeft(69).ShouldBe(0);
        }
        finally
        {
            distances.Dispose();
        }
    }

    [Fact]
    public void So_many_centres_wait_until_a_refresh_is_due()
    {
        float[] points = ScoringKeys.Clustered(100, 3, 1);
        var distances = new SeedDistances(ScoringKeys.Matrix(points, 3));
        try
        {
            distances.AddCentre(points.AsSpan(0, 3));
            distances.Refresh();
            int waiting = 0;
            while (!distances.MustRefresh)
            {
                distances.AddCentre(points.AsSpan(3 * ++waiting, 3));
            }
            waiting.ShouldBe(16);
            distances.Refresh();
            distances.MustRefresh.ShouldBeFalse();
        }
        finally
        {
            distances.Dispose();
        }
    }

    private static double Nearest(double[][] rows, int point, int[] centres) =>
        centres.Min(centre => rows[point].Zip(rows[centre], (x, y) => (x - y) * (x - y)).Sum());
}
