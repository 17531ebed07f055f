using Prescore.Kernels;
using Prescore.Scoring;

namespace Prescore.Tests.Scoring;

/// <summary>Keys that no scorer may stumble over: every score stays finite.</summary>
public class DegenerateKeysTests
{
    public static TheoryData<string> Scorers => [.. ScoringKeys.OwnScorers];

    [Theory]
    [MemberData(nameof(Scorers))]
    public void All_zero_keys(string name) => AllFinite(name, new float[300 * 16]);

    [Theory]
    [MemberData(nameof(Scorers))]
    public void All_equal_keys(string name) =>
        AllFinite(name, [.. Enumerable.Range(0, 300 * 16).Select(i => 0.1f * (i % 16) + 0.3f)]);

    [Theory]
    [MemberData(nameof(Scorers))]
    public void One_key(string name) => AllFinite(name, ScoringKeys.Clustered(1, 16, 1));

    [Theory]
    [MemberData(nameof(Scorers))]
    public void Fewer_keys_than_dimensions(string name) => AllFinite(name, ScoringKeys.Clustered(7, 16, 1));

    [Theory]
    [MemberData(nameof(Scorers))]
    public void Few_distinct_keys(string name)
    {
        float[] distinct = ScoringKeys.Clustered(3, 16, 1);
        AllFinite(name, [.. Enumerable.Range(0, 100).SelectMany(_ => distinct)]);
    }

    [Theory]
    [MemberData(nameof(Scorers))]
    public void Keys_in_a_subspace(string name)
    {
        float[] keys = ScoringKeys.Clustered(300, 16, 1);
        for (int i = 0; i < keys.Length; i++)
        {
            keys[i] = i % 16 < 9 ? keys[i] : 0;
        }
        AllFinite(name, keys);
    }

    [Theory]
    [MemberData(nameof(Scorers))]
    public void Keys_of_extreme_magnitude(string name)
    {
        foreach (float scale in new[] { 1e-44f, 1e-38f, 1e-30f, 1e-20f, 1e15f, 1e20f, 1e30f, 1e36f })
        {
            AllFinite(name, ScoringKeys.Clustered(200, 16, 1, scale: scale));
        }
    }

    [Theory]
    [MemberData(nameof(Scorers))]
    public void Keys_of_mixed_magnitude(string name)
    {
        float[] keys = ScoringKeys.Clustered(200, 16, 1);
        for (int i = 0; i < keys.Length; i++)
        {
            keys[i] *= MathF.Pow(10, i / 16 % 70 - 35);
        }
        AllFinite(name, keys);
    }

    [Theory]
    [MemberData(nameof(Scorers))]
    public void Later_keys_unlike_the_fitted_ones(string name)
    {
        float[] fitted = ScoringKeys.Clustered(100, 16, 1);
        float[] later = new float[16 * 16];
        for (int i = 0; i < later.Length; i++)
        {
            later[i] = (i % 2 == 0 ? 1 : -1) * MathF.Pow(10, 5 * (i / 16) - 37) * (1 + i % 3);
        }
        foreach (float[] start in new[] { fitted, new float[16 * 16], ScoringKeys.Clustered(100, 16, 1, scale: 1e-36) })
        {
            IFittedScorer scorer = KeyScorers.Create(name).Fit(ScoringKeys.Matrix(start, 16), ScoringKeys.Context(64));
            var scores = new float[16];
            scores.AsSpan().Fill(float.NaN);
            scorer.Score(ScoringKeys.Matrix(later, 16), 500, scores);
            scores.ShouldAllBe(score => float.IsFinite(score));
        }
    }

    private static void AllFinite(string name, float[] keys)
    {
        foreach (int selected in new[] { 1, 2, 64, 10_000 })
        {
            AllFinite(name, keys, ScoringKeys.Context(selected));
        }
        AllFinite(name, keys, ScoringKeys.Context(64, simd: SimdPath.Scalar));
        AllFinite(name, keys, ScoringKeys.Context(64, simd: SimdPath.Vector512));
    }

    private static void AllFinite(string name, float[] keys, ScoringContext context) =>
        ScoringKeys.Score(KeyScorers.Create(name), keys, 16, context).ShouldAllBe(score => float.IsFinite(score));
}
