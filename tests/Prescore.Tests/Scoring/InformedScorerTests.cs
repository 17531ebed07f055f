using Prescore.Attention;
using Prescore.Kernels;
using Prescore.Numerics;
using Prescore.Scoring;
using Prescore.Specs;

namespace Prescore.Tests.Scoring;

/// <summary>Scorers that ask for more than keys.</summary>
public class InformedScorerTests
{
    private const int D = 12;
    private const int N = 150;
    private const int M = 40;

    private readonly float[] _keys = ScoringKeys.Clustered(N + 60, D, 21, scale: 0.3);
    private readonly float[] _queries = ScoringKeys.Clustered(M, D, 22, scale: 0.3);
    private readonly float[] _values = ScoringKeys.Clustered(N + 60, 7, 23);

    [Theory]
    [InlineData(SimdPath.Scalar)]
    [InlineData(SimdPath.Vector256)]
    [InlineData(SimdPath.Vector512)]
    public void Observed_is_the_mean_attention_of_the_queries_seen(SimdPath simd)
    {
        float[] scores = Score("observed", simd);
        double[] norms = [.. Enumerable.Range(0, M).Select(q => Enumerable.Range(0, N).Sum(k => Math.Exp(Logit(q, k))))];
        for (int key = 0; key < N + 60; key++)
        {
            double expected = Enumerable.Range(0, M).Average(q => Math.Exp(Logit(q, key)) / norms[q]);
            ((double)scores[key]).ShouldBe(expected, 1e-4 * expected);
        }
        scores[..N].Sum().ShouldBe(1, 1e-3);
    }

    [Theory]
    [InlineData("kmeans-value", "kmeans")]
    [InlineData("leverage-value", "leverage")]
    [InlineData("observed-value", "observed")]
    public void Weighted_scores_are_the_others_times_the_length_of_the_value(string name, string other)
    {
        float[] plain = Score(other, SimdPaths.Best), weighted = Score(name, SimdPaths.Best);
        for (int key = 0; key < N + 60; key++)
        {
            double length = Math.Sqrt(_values[(key * 7)..((key + 1) * 7)].Sum(x => (double)x * x));
            ((double)weighted[key]).ShouldBe(plain[key] * length, 1e-5 * Math.Abs(plain[key] * length));
        }
    }

    [Fact]
    public void Without_queries_nothing_is_preferred()
    {
        var scores = new float[N];
        using IFittedScorer fitted = new ObservedScorer().Fit(ScoringKeys.Matrix(_keys[..(N * D)], D), ScoringKeys.Context(20));
        scores.AsSpan().Fill(float.NaN);
        fitted.Score(ScoringKeys.Matrix(_keys[..(N * D)], D), 0, scores);
        scores.ShouldAllBe(score => score == 0);
        TopSelection.Select(scores, 10, new int[10]).Flat.ShouldBeTrue();
    }

    [Fact]
    public void Who_has_only_keys_refuses_them()
    {
        Should.Throw<MethodSpecException>(() => KeyScorers.CreateForKeys("kmeans-value")).Message.ShouldContain("asks for values");
        Should.Throw<MethodSpecException>(() => KeyScorers.CreateForKeys("observed-value")).Message.ShouldContain("values, queries");
        KeyScorers.CreateForKeys("kmeans").Needs.ShouldBe(ScorerNeeds.None);
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("prescored:scorer=observed,inner=hyper")).Message.ShouldContain("inner=exact");
        AttentionMethods.Create("prescored:scorer=kmeans-value,inner=hyper").Spec.ShouldContain("kmeans-value");
    }

    private double Logit(int query, int key) => Enumerable.Range(0, D).Sum(l => (double)_queries[query * D + l] * _keys[key * D + l]);

    /// <summary>Fitted on the first N keys, scores of all, in two parts.</summary>
    private float[] Score(string name, SimdPath simd)
    {
        ScoringContext context = ScoringKeys.Context(20, simd: simd) with
        {
            Queries = ScoringKeys.Matrix(_queries, D),
            Values = ScoringKeys.Matrix(_values[..(N * 7)], 7),
        };
        using IFittedScorer fitted = KeyScorers.Create(name).Fit(ScoringKeys.Matrix(_keys[..(N * D)], D), context);
        var scores = new float[N + 60];
        fitted.Score(ScoringKeys.Matrix(_keys[..(N * D)], D), context, scores);
        KeyMatrix later = ScoringKeys.Matrix(_keys, D).Slice(N, 60);
        fitted.Score(later, context with { FirstPosition = 100 + N, Values = ScoringKeys.Matrix(_values, 7).Slice(N, 60) }, scores.AsSpan(N));
        return scores;
    }
}
