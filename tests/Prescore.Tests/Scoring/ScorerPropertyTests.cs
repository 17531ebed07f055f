using CsCheck;
using Prescore.Kernels;
using Prescore.Numerics;
using Prescore.Scoring;
using Prescore.Specs;

namespace Prescore.Tests.Scoring;

/// <summary>What holds for every scorer, or for every scorer of a kind, whatever the keys.</summary>
public class ScorerPropertyTests
{
    private static readonly Gen<(int Count, int Dimension, ulong Seed)> Problem =
        Gen.Select(Gen.Int[1, 400], Gen.Int[1, 33], Gen.ULong);

    public static TheoryData<string> All => [.. ScoringKeys.OwnScorers];

    public static TheoryData<string> KeyOnly => ["leverage", "ridge", "norm", "keydiff"];

    [Theory]
    [MemberData(nameof(KeyOnly))]
    public void Permuted_keys_have_permuted_scores(string name) => Problem.Sample(
        problem =>
        {
            (int count, int d, ulong seed) = problem;
            // As below: fewer keys than dimensions have a leverage of 1 but for the ridge, which rounding moves.
            count += d;
            float[] keys = ScoringKeys.Clustered(count, d, seed);
            int[] order = [.. Enumerable.Range(0, count).OrderBy(i => CounterRandom.Hash(seed, 9, 9, i, 0))];
            float[] permuted = [.. order.SelectMany(i => keys[(i * d)..((i + 1) * d)])];
            float[] scores = Score(name, keys, d);
            Close(Score(name, permuted, d), [.. order.Select(i => scores[i])], 1e-4);
        },
        iter: 40);

    [Theory]
    [MemberData(nameof(KeyOnly))]
    public void Rotated_keys_have_the_same_scores(string name) => Problem.Sample(
        problem =>
        {
            (int count, int d, ulong seed) = problem;
            // Leverage of fewer keys than dimensions is 1 for all but rounding, so that case tells nothing.
            float[] keys = ScoringKeys.Clustered(count + d, d, seed);
            Close(Score(name, Reflect(keys, d, seed), d), Score(name, keys, d), 2e-3);
        },
        iter: 40);

    [Theory]
    [MemberData(nameof(All))]
    public void Scores_depend_on_the_seed_alone(string name)
    {
        float[] keys = ScoringKeys.Clustered(300, 16, 5);
        Score(name, keys, 16).ShouldBe(Score(name, keys, 16));
        bool random = name is "random" or "seeds" or "farthest" or "medoids" || name.Contains('k') && name.Contains("means") || name.StartsWith("kmedian", StringComparison.Ordinal);
        bool same = Score(name, keys, 16).AsSpan().SequenceEqual(Score(name, keys, 16, seed: 99));
        same.ShouldBe(!random);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Scores_do_not_depend_on_how_the_keys_are_cut(string name)
    {
        const int D = 16;
        float[] keys = ScoringKeys.Clustered(301, D, 6);
        IFittedScorer scorer = KeyScorers.Create(name).Fit(ScoringKeys.Matrix(keys, D), ScoringKeys.Context(64));
        var whole = new float[301];
        scorer.Score(ScoringKeys.Matrix(keys, D), 100, whole);
        foreach (int cut in new[] { 1, 63, 200, 300 })
        {
            var parts = new float[301];
            scorer.Score(ScoringKeys.Matrix(keys, D).Slice(0, cut), 100, parts);
            scorer.Score(ScoringKeys.Matrix(keys, D).Slice(cut, 301 - cut), 100 + cut, parts.AsSpan(cut));
            parts.ShouldBe(whole);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Strided_keys_have_the_scores_of_dense_ones(string name)
    {
        const int D = 13;
        const int Stride = 20;
        float[] keys = ScoringKeys.Clustered(150, D, 7);
        var strided = new float[149 * Stride + D];
        strided.AsSpan().Fill(float.NaN);
        for (int i = 0; i < 150; i++)
        {
            keys.AsSpan(i * D, D).CopyTo(strided.AsSpan(i * Stride));
        }
        var matrix = new KeyMatrix { Values = strided, Count = 150, Dimension = D, Stride = Stride };
        var scores = new float[150];
        ScoringContext context = ScoringKeys.Context(64);
        KeyScorers.Create(name).Fit(matrix, context).Score(matrix, context.FirstPosition, scores);
        scores.ShouldBe(Score(name, keys, D));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Paths_agree(string name)
    {
        float[] keys = ScoringKeys.Clustered(257, 33, 8);
        float[] best = ScoringKeys.Score(KeyScorers.Create(name), keys, 33, ScoringKeys.Context(64, simd: SimdPath.Vector256));
        foreach (SimdPath simd in new[] { SimdPath.Scalar, SimdPath.Vector512 })
        {
            Close(ScoringKeys.Score(KeyScorers.Create(name), keys, 33, ScoringKeys.Context(64, simd: simd)), best, 1e-4);
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Products_are_counted(string name)
    {
        float[] keys = ScoringKeys.Clustered(257, 33, 8);
        IFittedScorer scorer = KeyScorers.Create(name).Fit(ScoringKeys.Matrix(keys, 33), ScoringKeys.Context(64));
        long fitted = scorer.IndexProducts;
        scorer.Score(ScoringKeys.Matrix(keys, 33), 0, new float[257]);
        long scored = scorer.IndexProducts - fitted;
        (bool fits, long expected) = Products(name);
        (fitted > 0).ShouldBe(fits, $"whether the fit of '{name}' multiplies keys: {nameof(Products)} says what is right");
        scored.ShouldBe(expected, $"products when '{name}' scores: {nameof(Products)} says what is right");
    }

    /// <summary>Whether a fit multiplies keys with each other or with centres, and how many such products scoring 257 keys [33] takes.</summary>
    private static (bool Fits, long Scored) Products(string name) => name switch
    {
        "norm" or "random" => (false, 0),
        "keydiff" => (false, 257),
        "leverage" or "ridge" => (true, 257 * 33),
        _ when name.StartsWith("kernel", StringComparison.Ordinal) => (true, 257 * 257),
        // As many landmarks as keys that are selected, where the others have half as many clusters.
        "seeds" or "farthest" or "medoids" or "balanced" => (true, 257 * 64),
        _ when name.StartsWith("kmeans", StringComparison.Ordinal) || name.StartsWith("kmedian", StringComparison.Ordinal) => (true, 257 * 32),
        _ => throw new NotSupportedException($"a new scorer: {nameof(Products)} in {nameof(ScorerPropertyTests)} wants its counts"),
    };

    [Fact]
    public void Every_scorer_of_the_library_is_known_by_its_name()
    {
        IKeyScorer[] known = [.. KeyScorers.Names.Select(KeyScorers.Create).Where(scorer => scorer.GetType().Assembly == typeof(KeyScorers).Assembly)];
        typeof(KeyScorers).Assembly.GetTypes()
            .Where(type => type is { IsClass: true, IsAbstract: false } && type.IsAssignableTo(typeof(IKeyScorer)))
            .Except(known.Select(scorer => scorer.GetType()))
            .ShouldBeEmpty("KeyScorers.cs has no line for it");
        foreach (string name in ScoringKeys.OwnScorers)
        {
            KeyScorers.Create(name).Name.ShouldBe(name);
        }
        Should.Throw<MethodSpecException>(() => KeyScorers.Create("kmeens")).Message.ShouldContain("did you mean 'kmeans'?");
    }

    private static float[] Score(string name, float[] keys, int dimension, ulong seed = 1) =>
        ScoringKeys.Score(KeyScorers.Create(name), keys, dimension, ScoringKeys.Context(64, seed));

    private static void Close(float[] actual, float[] expected, double tolerance) =>
        actual.ToDoubles().ShouldMatch(expected.ToDoubles(), tolerance);

    /// <summary>Householder reflections of the keys in random directions: an orthogonal map.</summary>
    private static float[] Reflect(float[] keys, int d, ulong seed)
    {
        double[] values = keys.ToDoubles();
        for (int reflection = 0; reflection < 3; reflection++)
        {
            double[] normal = [.. Enumerable.Range(0, d).Select(l => CounterRandom.Gaussian(CounterRandom.Hash(seed, 4, reflection, l, 0)))];
            double length = normal.Sum(x => x * x);
            for (int i = 0; i < values.Length; i += d)
            {
                double along = 2 * Enumerable.Range(0, d).Sum(l => values[i + l] * normal[l]) / length;
                for (int l = 0; l < d; l++)
                {
                    values[i + l] -= along * normal[l];
                }
            }
        }
        return [.. values.Select(value => (float)value)];
    }
}
