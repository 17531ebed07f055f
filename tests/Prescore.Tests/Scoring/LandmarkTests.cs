using Prescore.Scoring;

namespace Prescore.Tests.Scoring;

public class LandmarkTests
{
    [Fact]
    public void Landmarks_score_0_and_others_minus_their_distance_to_the_nearest()
    {
        float[] keys = ScoringKeys.Clustered(200, 12, 3);
        foreach (LandmarkChoice choose in new LandmarkChoice[] { SeedLandmarks.Choose, FarthestLandmarks.Choose, MedoidLandmarks.Choose, BalancedLandmarks.Choose })
        {
            int[] chosen = choose(ScoringKeys.Matrix(keys, 12), 20, ScoringKeys.Context(20), out long products);
            chosen.Distinct().Count().ShouldBe(20);
            products.ShouldBeGreaterThan(0);
            float[] scores = ScoringKeys.Score(new LandmarkScorer("landmarks", choose), keys, 12, ScoringKeys.Context(20));
            for (int i = 0; i < 200; i++)
            {
                double nearest = chosen.Min(row => Math.Sqrt(Enumerable.Range(0, 12).Sum(l => Math.Pow(keys[i * 12 + l] - keys[row * 12 + l], 2))));
                ((double)scores[i]).ShouldBe(-nearest, 1e-4 * Math.Max(1, nearest));
            }
        }
    }

    [Fact]
    public void Farthest_landmarks_are_those_of_the_naive_traversal()
    {
        float[] keys = ScoringKeys.Clustered(90, 5, 8);
        int[] chosen = FarthestLandmarks.Choose(ScoringKeys.Matrix(keys, 5), 12, ScoringKeys.Context(12), out _);
        double Distance(int a, int b) => Enumerable.Range(0, 5).Sum(l => Math.Pow(keys[a * 5 + l] - keys[b * 5 + l], 2));
        for (int j = 1; j < chosen.Length; j++)
        {
            double[] nearest = [.. Enumerable.Range(0, 90).Select(i => chosen[..j].Min(row => Distance(i, row)))];
            nearest[chosen[j]].ShouldBe(nearest.Max(), 1e-4 * nearest.Max());
        }
    }

    [Fact]
    public void Balanced_landmarks_stand_for_equally_many_keys_of_groups_of_unequal_size()
    {
        // 96 keys around one place and 32 around another, far away: 12 landmarks there and 4 here, whatever the distance.
        var random = new Random(4);
        float[] keys = [.. Enumerable.Range(0, 128).SelectMany(i => Enumerable.Range(0, 6).Select(_ => (i < 96 ? 0f : 50f) + random.NextSingle()))];
        int[] chosen = BalancedLandmarks.Choose(ScoringKeys.Matrix(keys, 6), 16, ScoringKeys.Context(16), out _);
        chosen.Count(row => row < 96).ShouldBe(12);
        chosen.Length.ShouldBe(16);
    }

    [Fact]
    public void Keys_that_coincide_give_fewer_landmarks_and_still_finite_scores()
    {
        float[] keys = [.. Enumerable.Repeat(1f, 40 * 4)];
        foreach (string name in new[] { "seeds", "farthest", "medoids", "balanced" })
        {
            ScoringKeys.Score(KeyScorers.Create(name), keys, 4, ScoringKeys.Context(8)).ShouldAllBe(score => score == 0);
        }
    }
}
