using Prescore.Clustering;
using Prescore.Numerics;
using Prescore.Tests.Scoring;

namespace Prescore.Tests.Clustering;

public class KMeansSeedingTests
{
    [Theory]
    [InlineData(1, 1)]
    [InlineData(63, 3)]
    [InlineData(65, 64)]
    [InlineData(257, 7)]
    [InlineData(1000, 65)]
    public void Labels_are_the_nearest_of_distinct_chosen_points(int count, int dimension)
    {
        float[] points = ScoringKeys.Clustered(count, dimension, 1);
        int k = Math.Min(count, 40);
        int[] chosen = new int[k];
        int[] labels = new int[count];
        KMeansSeeding.Choose(ScoringKeys.Matrix(points, dimension), k, Origin(1), chosen, labels).ShouldBe(k);
        chosen.Distinct().Count().ShouldBe(k);
        double[][] rows = NaiveClustering.Rows(points, dimension);
        labels.ShouldBe(NaiveClustering.Assign(rows, [.. chosen.Select(i => rows[i])], power: 1).Labels);
    }

    [Fact]
    public void Draws_follow_the_squared_distance()
    {
        const int Trials = 40_000;
        float[] line = [0, 1, 3, 7];
        var counts = new Dictionary<(int, int, int), int>();
        int[] chosen = new int[3];
        for (int trial = 0; trial < Trials; trial++)
        {
            KMeansSeeding.Choose(ScoringKeys.Matrix(line, 1), 3, Origin((ulong)trial), chosen, new int[4]);
            var order = (chosen[0], chosen[1], chosen[2]);
            counts[order] = counts.GetValueOrDefault(order) + 1;
        }
        double Share(int next, params int[] centres)
        {
            double[] squares = [.. line.Select(x => centres.Min(c => Math.Pow(x - line[c], 2)))];
            return squares[next] / squares.Sum();
        }
        foreach (((int first, int second, int third), int count) in counts)
        {
            double expected = 0.25 * Share(second, first) * Share(third, first, second);
            // Five standard deviations of a binomial count.
            ((double)count).ShouldBe(Trials * expected, 5 * Math.Sqrt(Trials * expected));
        }
        counts.Count.ShouldBe(4 * 3 * 2);
    }

    [Fact]
    public void Draws_reach_every_block()
    {
        // 200 points, all equal but one in each block of 64 and one in the remainder.
        float[] points = new float[200];
        (points[10], points[70], points[130], points[199]) = (1, 2, 4, 8);
        int[] chosen = new int[10];
        int found = KMeansSeeding.Choose(ScoringKeys.Matrix(points, 1), 10, Origin(1), chosen, new int[200]);
        found.ShouldBe(5);
        chosen[..5].Select(i => points[i]).Order().ShouldBe([0, 1, 2, 4, 8]);
    }

    [Fact]
    public void Depends_on_the_origin_alone()
    {
        float[] points = ScoringKeys.Clustered(500, 8, 1);
        int[] Chosen(RandomOrigin origin)
        {
            int[] chosen = new int[20];
            KMeansSeeding.Choose(ScoringKeys.Matrix(points, 8), 20, origin, chosen, new int[500]);
            return chosen;
        }
        Chosen(Origin(1)).ShouldBe(Chosen(Origin(1)));
        Chosen(Origin(2)).ShouldNotBe(Chosen(Origin(1)));
        Chosen(Origin(1) with { Layer = 9 }).ShouldNotBe(Chosen(Origin(1)));
        Chosen(Origin(1) with { Head = 9 }).ShouldNotBe(Chosen(Origin(1)));
        Chosen(Origin(1) with { FirstPosition = 9000 }).ShouldNotBe(Chosen(Origin(1)));
    }

    private static RandomOrigin Origin(ulong seed) => new(seed, Layer: 0, Head: 0, FirstPosition: 0);
}
