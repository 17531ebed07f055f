using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Attention.Hyper;
using Prescore.Attention.PreScored;
using Prescore.Scoring;
using Prescore.Specs;
using Prescore.Tests.Attention.Oracles;

namespace Prescore.Tests.Attention;

public class PreScoredTests
{
    [Theory]
    [InlineData("norm", 1, 0)]
    [InlineData("kmeans", 20, 16)]
    [InlineData("leverage", 100, 300)]
    [InlineData("random", 50, 64)]
    public void Exact_inner_equals_the_oracle(string scorer, int selected, int window)
    {
        foreach ((int queries, int keys) in new[] { (1, 1), (3, 5), (63, 63), (65, 257), (257, 257), (1, 600), (1000, 1000) })
        {
            var shape = AttentionTensors.ShapeOf(queries, keys, queryHeads: 4, keyValueHeads: 2, dimension: 9);
            Check(new AttentionTensors(shape, causal: true), scorer, selected, window);
            Check(new AttentionTensors(shape, causal: false), scorer, selected, window);
        }
    }

    [Fact]
    public void Exact_inner_fits_on_at_most_1024_keys()
    {
        // Both fits above 1,024 keys lie in here: evenly spaced keys are taken of 1,276 and 1,788.
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(300, 2000, queryHeads: 1, dimension: 8), causal: true);
        Check(tensors, "kmeans", selected: 24, window: 0);
        Check(tensors, "keydiff", selected: 24, window: 0);
    }

    [Theory]
    [InlineData("norm", 1)]
    [InlineData("kmeans", 20)]
    [InlineData("ridge", 100)]
    public void Hyper_inner_equals_the_oracle(string scorer, int selected)
    {
        foreach ((int queries, int keys) in new[] { (1, 1), (63, 63), (65, 257), (257, 257), (1, 600), (1000, 1000) })
        {
            var shape = AttentionTensors.ShapeOf(queries, keys, queryHeads: 4, keyValueHeads: 2, dimension: 9);
            foreach (bool causal in new[] { true, false })
            {
                CheckHyper(new AttentionTensors(shape, causal), scorer, selected, new HyperSettings { Block = 16, Sample = 10, MinSequence = 20 });
            }
        }
    }

    [Fact]
    public void Log_weights_shift_logits_and_remove_keys()
    {
        foreach (bool causal in new[] { true, false })
        {
            var tensors = AttentionMethodCases.WithLogWeights(AttentionTensors.ShapeOf(500, 900, queryHeads: 4, keyValueHeads: 2), causal);
            Check(tensors, "kmeans", selected: 30, window: 10);
            tensors.Poison();
            CheckHyper(tensors, "norm", selected: 40, new HyperSettings { Block = 8, Sample = 8, MinSequence = 16 });
        }
    }

    [Fact]
    public void Hyper_inner_with_all_keys_selected_is_plain_hyper()
    {
        var settings = new HyperSettings { Block = 8, Sample = 8, MinSequence = 16 };
        foreach (bool causal in new[] { true, false })
        {
            var tensors = new AttentionTensors(AttentionTensors.ShapeOf(200, 200), causal);
            tensors.Run(new HyperAttention(settings));
            float[] plain = [.. tensors.Output];
            tensors.Poison();
            tensors.Run(new PreScoredAttention(KeyScorers.Create("kmeans"), selected: 200, inner: settings)).IndexProducts.ShouldBe(0);
            tensors.Output.ShouldBe(plain);
        }
    }

    [Fact]
    public void Flat_scores_take_evenly_spaced_keys_and_are_reported()
    {
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(600, 600), causal: true);
        for (int key = 0; key < 600; key++)
        {
            // One-hot keys: all norms are equal.
            tensors.Keys.AsSpan(key * 16, 16).Clear();
            tensors.Keys[key * 16 + key % 16] = 1;
        }
        AttentionReport report = Check(tensors, "norm", selected: 10, window: 0);
        // Blocks 1 and 2 choose, block 0 has no far keys.
        report.FlatSelections.ShouldBe(2);
    }

    [Fact]
    public void Index_work_of_the_scorer_is_reported()
    {
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(600, 600), causal: true);
        AttentionReport report = tensors.Run(new PreScoredAttention(KeyScorers.Create("kmeans"), selected: 20));
        // Every far key is compared with 10 centres at least once.
        report.IndexProducts.ShouldBeGreaterThan(10 * (2 * 256 - 64 - 4));
        report.IndexSeconds.ShouldBeInRange(double.Epsilon, report.Seconds);
    }

    [Fact]
    public void Spec_gives_the_sizes()
    {
        var method = (ISizedAttention)AttentionMethods.Create("prescored");
        (method.Spec, method.HasExplicitSize, method.SizeParameter).ShouldBe(("prescored:scorer=kmeans,s=256,w=64,inner=exact", false, "s"));
        var hyper = (ISizedAttention)AttentionMethods.Create("prescored:scorer=random,s=9,inner=hyper,sample=5");
        (hyper.Spec, hyper.HasExplicitSize).ShouldBe(("prescored:scorer=random,s=9,inner=hyper,block=128,sample=5,min=512,pairing=rank", true));
        hyper.WithSize(4).Spec.ShouldStartWith("prescored:scorer=random,s=4,");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("prescored:s=0")).Message.ShouldContain("at least 1");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("prescored:w=-1")).Message.ShouldContain("at least 0");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("prescored:scorer=kmaens")).Message.ShouldContain("did you mean 'kmeans'");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("prescored:inner=hypr")).Message.ShouldContain("did you mean 'hyper'");
        // The window belongs to the exact inner attention, the block to the other.
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("prescored:inner=hyper,w=4"));
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("prescored:block=4"));
    }

    private static AttentionReport Check(AttentionTensors tensors, string scorerName, int selected, int window)
    {
        var options = new AttentionOptions { Seed = 7, Layer = 3 };
        IKeyScorer scorer = KeyScorers.Create(scorerName);
        var method = new PreScoredAttention(scorer, selected, window);
        var oracle = new PreScoredOracle(tensors, scorer, selected, window, options);
        AttentionReport report = tensors.Run(method, options);
        NaiveAttention.ShouldMatch(tensors, oracle.Keys);
        AttentionMethodCases.InteractionsShouldMatch(tensors, method, report, oracle.Keys);
        return report;
    }

    private static void CheckHyper(AttentionTensors tensors, string scorerName, int selected, HyperSettings settings)
    {
        var options = new AttentionOptions { Seed = 7, Layer = 3 };
        IKeyScorer scorer = KeyScorers.Create(scorerName);
        var method = new PreScoredAttention(scorer, selected, inner: settings);
        var oracle = new HyperOracle(tensors, settings, options, new PreScoredOracle(tensors, scorer, selected, 0, options).Segment);
        AttentionReport report = tensors.Run(method, options);
        NaiveAttention.ShouldMatch(tensors, oracle.Keys);
        AttentionMethodCases.InteractionsShouldMatch(tensors, method, report, oracle.Keys);
    }
}
