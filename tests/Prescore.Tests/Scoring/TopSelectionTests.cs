using CsCheck;
using Prescore.Scoring;

namespace Prescore.Tests.Scoring;

public class TopSelectionTests
{
    /// <summary>Scores with many ties, both signs and zeros, or any finite float.</summary>
    private static readonly Gen<float[]> Scores = Gen.OneOf(
        Gen.Int[-3, 3].Select(value => value == 0 ? -0f : value),
        Gen.Int[-3, 3].Select(value => (float)value),
        Gen.Single.Where(float.IsFinite),
        Gen.Single[0.5f, 0.50001f]).Array[1, 300];

    [Fact]
    public void Selects_what_a_stable_sort_selects() =>
        Gen.Select(Scores, Gen.Int[0, 320]).Sample((scores, count) =>
        {
            var selected = new int[scores.Length + 1];
            selected.AsSpan().Fill(-7);
            SelectionResult result = TopSelection.Select(scores, count, selected);
            result.Count.ShouldBe(Math.Min(count, scores.Length));
            int[] expected = result.Flat
                ? [.. Enumerable.Range(0, count).Select(i => i * scores.Length / count)]
                : [.. Enumerable.Range(0, scores.Length).OrderByDescending(i => scores[i]).Take(count).Order()];
            selected[..result.Count].ShouldBe(expected);
            selected[result.Count..].ShouldAllBe(index => index == -7);
            result.Flat.ShouldBe(count < scores.Length && Variation(scores) < TopSelection.FlatVariation);
        });

    [Theory]
    [InlineData(1)]
    [InlineData(63)]
    [InlineData(65)]
    [InlineData(257)]
    [InlineData(1000)]
    public void Ties_go_to_the_lower_index(int count)
    {
        float[] scores = [.. Enumerable.Range(0, count).Select(i => i % 3 == 0 ? 2f : 1f)];
        int high = (count + 2) / 3;
        var selected = new int[high + 1];
        TopSelection.Select(scores, high, selected);
        selected[..high].ShouldBe(Enumerable.Range(0, high).Select(i => 3 * i));
        if (count > 1)
        {
            TopSelection.Select(scores, high + 1, selected);
            selected.ShouldContain(1);
        }
    }

    [Fact]
    public void Flat_scores_give_evenly_spaced_keys()
    {
        float[] scores = [.. Enumerable.Range(0, 1000).Select(i => 5f + 0.001f * (i % 2))];
        var selected = new int[10];
        TopSelection.Select(scores, 10, selected).ShouldBe(new SelectionResult(10, Flat: true));
        selected.ShouldBe([0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
        TopSelection.Select(new float[100], 4, selected).Flat.ShouldBeTrue();
        scores[17] = 6f;
        TopSelection.Select(scores, 10, selected).Flat.ShouldBeFalse();
        selected.ShouldContain(17);
    }

    [Fact]
    public void Scores_around_zero_are_not_flat()
    {
        TopSelection.Select([-1, 1, -1, 1], 2, new int[2]).Flat.ShouldBeFalse();
        TopSelection.Select([-1, 1, -1, 1, 1e-20f], 2, new int[2]).Flat.ShouldBeFalse();
    }

    [Fact]
    public void Refuses_bad_input()
    {
        Should.Throw<ArgumentException>(() => TopSelection.Select([1, 2, float.NaN], 2, new int[2]));
        Should.Throw<ArgumentException>(() => TopSelection.Select([1, 2, float.PositiveInfinity], 2, new int[2]));
        Should.Throw<ArgumentException>(() => TopSelection.Select([1, 2, 3], 2, new int[1]));
        Should.Throw<ArgumentOutOfRangeException>(() => TopSelection.Select([1, 2, 3], -1, new int[1]));
    }

    [Fact]
    public void Does_not_allocate()
    {
        float[] scores = [.. Enumerable.Range(0, 5000).Select(i => MathF.Sin(i))];
        var selected = new int[100];
        TopSelection.Select(scores, 100, selected);
        long before = GC.GetAllocatedBytesForCurrentThread();
        TopSelection.Select(scores, 100, selected);
        (GC.GetAllocatedBytesForCurrentThread() - before).ShouldBe(0);
    }

    private static double Variation(float[] scores)
    {
        double mean = scores.Average(score => (double)score);
        double deviation = Math.Sqrt(scores.Average(score => Math.Pow(score - mean, 2)));
        return deviation == 0 ? 0 : deviation / Math.Abs(mean);
    }
}
