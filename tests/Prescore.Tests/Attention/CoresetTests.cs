using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Attention.Coreset;
using Prescore.Attention.PreScored;
using Prescore.Scoring;
using Prescore.Specs;
using Prescore.Tests.Attention.Oracles;

namespace Prescore.Tests.Attention;

public class CoresetTests
{
    private static readonly AttentionOptions Options = new() { Seed = 7, Layer = 3 };

    private static readonly (int Queries, int Keys)[] Sizes = [(1, 1), (3, 5), (63, 63), (65, 257), (1, 600), (700, 700)];

    [Theory]
    [InlineData(1, 0, 0, 2)]
    [InlineData(20, 16, 1, 2)]
    [InlineData(64, 300, 5, 0)]
    public void It_equals_the_oracle(int count, int window, int protect, int steps)
    {
        foreach ((int queries, int keys) in Sizes)
        {
            var shape = AttentionTensors.ShapeOf(queries, keys, queryHeads: 4, keyValueHeads: 2, dimension: 9, valueDimension: 5);
            foreach (bool causal in new[] { true, false })
            {
                Check(new AttentionTensors(shape, causal), count, window, protect, steps);
                Check(AttentionMethodCases.WithLogWeights(shape, causal), count, window, protect, steps);
            }
        }
    }

    [Theory]
    [InlineData("norm", 1, 0, 30, 0)]
    [InlineData("kmeans", 20, 16, 10, 1)]
    [InlineData("leverage", 190, 64, 25, 3)]
    public void What_a_selection_leaves_equals_the_oracle(string scorer, int selected, int window, int count, int protect)
    {
        foreach ((int queries, int keys) in Sizes)
        {
            var shape = AttentionTensors.ShapeOf(queries, keys, queryHeads: 4, keyValueHeads: 2, dimension: 9);
            foreach (bool causal in new[] { true, false })
            {
                CheckRest(new AttentionTensors(shape, causal), scorer, selected, window, count, protect);
                CheckRest(AttentionMethodCases.WithLogWeights(shape, causal), scorer, selected, window, count, protect);
            }
        }
    }

    [Fact]
    public void Centres_are_fitted_on_at_most_1024_keys()
    {
        var shape = AttentionTensors.ShapeOf(300, 2000, queryHeads: 1, dimension: 8);
        Check(new AttentionTensors(shape, causal: true), 24, 0, 0, 2);
        Check(new AttentionTensors(shape, causal: false), 24, 0, 0, 2);
    }

    /// <summary>Once a block of 256 tokens the new far keys look for their centres; only where these have grown 1.3-fold all do.</summary>
    [Theory]
    [InlineData("coreset:s=20,w=16")]
    [InlineData("prescored:scorer=norm,s=12,w=16,rest=coreset,reps=20")]
    public void A_decoded_token_clusters_nothing_anew(string spec)
    {
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(1600, 1600, queryHeads: 2, dimension: 8), causal: true);
        using var cache = new CacheRun(AttentionMethods.Create(spec), tensors, Options);
        cache.Append(tensors, 1280);
        // Far keys at the fit of block 4 were some 1,004: the next fit is that of block 6.
        cache.Append(tensors, 1).IndexProducts.ShouldBe(256 * 20);
        for (int token = 1281; token < 1536; token++)
        {
            cache.Append(tensors, 1).IndexProducts.ShouldBe(0);
        }
        cache.Append(tensors, 1).IndexProducts.ShouldBeGreaterThan(1024 * 20);
        cache.Append(tensors, 1).IndexProducts.ShouldBe(0);
    }

    [Fact]
    public void Its_log_sum_exp_is_never_above_exact_attentions()
    {
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(300, 300), causal: false);
        tensors.Run(AttentionMethods.Create("exact"));
        float[] exact = [.. tensors.LogSumExp];
        tensors.Run(AttentionMethods.Create("coreset:s=30"));
        tensors.LogSumExp.Zip(exact, (ours, theirs) => ours - theirs).Max().ShouldBeLessThan(1e-5f);
    }

    [Fact]
    public void Keys_that_coincide_are_one_representative_and_the_result_is_exact()
    {
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(50, 200, queryHeads: 1, dimension: 8), causal: false);
        for (int key = 3; key < 200; key++)
        {
            tensors.Keys.AsSpan(key % 3 * 8, 8).CopyTo(tensors.Keys.AsSpan(key * 8));
        }
        tensors.Run(new CoresetAttention(10)).Interactions.ShouldBe(50 * 3);
        NaiveAttention.ShouldMatch(tensors, (_, _, query) => NaiveAttention.Exact(tensors, query));
    }

    [Fact]
    public void Log_weights_beyond_the_range_of_their_exponentials_are_taken()
    {
        AttentionTensors tensors = AttentionMethodCases.WithLogWeights(AttentionTensors.ShapeOf(40, 100), causal: false);
        tensors.KeyLogWeights = [.. tensors.KeyLogWeights.Select(weight => weight + 2000)];
        tensors.Run(new CoresetAttention(10));
        tensors.LogSumExp.ShouldAllBe(x => x > 1900 && x < 2100);
        tensors.Output.ShouldAllBe(x => float.IsFinite(x));
    }

    [Fact]
    public void Options_are_read_and_mistakes_named()
    {
        AttentionMethods.Create("coreset").Spec.ShouldBe("coreset:s=64,w=64,protect=0,steps=2");
        AttentionMethods.Create("prescored:s=9,rest=coreset,reps=5,protect=1").Spec
            .ShouldBe("prescored:scorer=kmeans,s=9,w=64,inner=exact,rest=coreset,reps=5,protect=1");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("coreset:s=0"));
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("coreset:size=4"));
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("prescored:rest=corset")).Message.ShouldContain("did you mean 'coreset'");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("prescored:reps=5")).Message.ShouldContain("rest=coreset");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("prescored:inner=hyper,rest=coreset"));
    }

    private static void Check(AttentionTensors tensors, int count, int window, int protect, int steps)
    {
        var method = new CoresetAttention(count, window, protect, steps);
        AttentionReport report = tensors.Run(method, Options);
        new CoresetOracle(tensors, count, window, protect, steps, Options).ShouldMatch(report);
        report.Interactions.ShouldBeLessThanOrEqualTo(method.CountInteractions(tensors.Shape, tensors.Causal));
    }

    private static void CheckRest(AttentionTensors tensors, string scorerName, int selected, int window, int count, int protect)
    {
        IKeyScorer scorer = KeyScorers.Create(scorerName);
        var method = new PreScoredAttention(scorer, selected, window, rest: new SelectionRest(count, protect));
        var selection = new PreScoredOracle(tensors, scorer, selected, window, Options);
        AttentionReport report = tensors.Run(method, Options);
        new CoresetOracle(tensors, count, window, protect, CoresetAttention.DefaultSteps, Options, selection.Top).ShouldMatch(report);
        report.Interactions.ShouldBeLessThanOrEqualTo(method.CountInteractions(tensors.Shape, tensors.Causal));
    }
}
