using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Attention.Hyper;
using Prescore.Specs;
using Prescore.Tests.Attention.Oracles;

namespace Prescore.Tests.Attention;

public class HyperTests
{
    private static readonly (int Queries, int Keys)[] Sizes = [(1, 1), (63, 63), (65, 257), (257, 257), (1, 300), (1000, 1000)];

    public static TheoryData<int, int, int> Settings => new()
    {
        { 16, 12, 32 },
        { 10, 7, 5 },
        { 8, 0, 1 },
        { 1, 3, 64 },
        { 128, 100, 100 },
    };

    [Theory]
    [MemberData(nameof(Settings))]
    public void Equals_the_oracle(int block, int sample, int minimum)
    {
        foreach ((int queries, int keys) in Sizes)
        {
            var shape = AttentionTensors.ShapeOf(queries, keys, queryHeads: 4, keyValueHeads: 2, dimension: 9);
            foreach (QueryPairing pairing in Enum.GetValues<QueryPairing>())
            {
                Check(new AttentionTensors(shape, causal: true), new HyperSettings { Block = block, Sample = sample, MinSequence = minimum, Pairing = pairing });
            }
            Check(new AttentionTensors(shape, causal: false), new HyperSettings { Block = block, Sample = sample, MinSequence = minimum });
        }
    }

    [Fact]
    public void Equals_the_oracle_in_batches_and_with_more_queries_than_keys()
    {
        var settings = new HyperSettings { Block = 16, Sample = 9 };
        Check(new AttentionTensors(AttentionTensors.ShapeOf(40, 90, queryHeads: 2, keyValueHeads: 2, batch: 2), causal: false), settings);
        Check(new AttentionTensors(AttentionTensors.ShapeOf(150, 60), causal: false), settings);
        Check(new AttentionTensors(AttentionTensors.ShapeOf(90, 90, queryHeads: 2, keyValueHeads: 2, batch: 2), causal: true), settings with { MinSequence = 16 });
    }

    [Fact]
    public void Log_weights_shift_logits_and_remove_keys()
    {
        var settings = new HyperSettings { Block = 16, Sample = 12, MinSequence = 16 };
        foreach (bool causal in new[] { true, false })
        {
            Check(AttentionMethodCases.WithLogWeights(AttentionTensors.ShapeOf(200, 300, queryHeads: 4, keyValueHeads: 2), causal), settings);
        }
    }

    [Fact]
    public void A_query_whose_keys_are_all_removed_gives_zero()
    {
        foreach (bool causal in new[] { true, false })
        {
            var tensors = new AttentionTensors(AttentionTensors.ShapeOf(100, 200), causal);
            tensors.KeyLogWeights = [.. Enumerable.Repeat(float.NegativeInfinity, 200)];
            tensors.Run(new HyperAttention(new HyperSettings { Block = 8, Sample = 4, MinSequence = 8 })).Interactions.ShouldBe(0);
            tensors.Output.ShouldAllBe(x => x == 0);
            tensors.LogSumExp.ShouldAllBe(x => x == float.NegativeInfinity);
        }
    }

    /// <summary>
    /// Averaged over seeds, e^lse equals exact's. A residual weighted with all keys instead of the rest would be off by
    /// more than a tenth here; the standard error is well below that.
    /// </summary>
    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    [InlineData(false, true)]
    public void Residual_is_unbiased(bool causal, bool weighted)
    {
        AttentionShape shape = AttentionTensors.ShapeOf(3, 128, queryHeads: 1);
        AttentionTensors tensors = weighted ? AttentionMethodCases.WithLogWeights(shape, causal) : new AttentionTensors(shape, causal);
        tensors.Run(new ExactAttention());
        float[] exact = [.. tensors.LogSumExp];
        var method = new HyperAttention(new HyperSettings { Block = 8, Sample = 8, MinSequence = 8 });
        const int seeds = 3000;
        double sum = 0, squares = 0;
        for (int seed = 0; seed < seeds; seed++)
        {
            tensors.Run(method, new AttentionOptions { Seed = (ulong)seed, Threads = 1 });
            // The queries share samples: one observation a seed.
            double ratio = Enumerable.Range(0, 3).Average(i => Math.Exp(tensors.LogSumExp[i] - (double)exact[i]));
            sum += ratio;
            squares += ratio * ratio;
        }
        double mean = sum / seeds;
        double standardError = Math.Sqrt((squares / seeds - mean * mean) / seeds);
        standardError.ShouldBeInRange(1e-4, 0.015);
        Math.Abs(mean - 1).ShouldBeLessThan(4 * standardError);
    }

    [Fact]
    public void Seeds_layers_and_heads_draw_differently()
    {
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(200, 200, queryHeads: 2, keyValueHeads: 2), causal: true);
        // Both heads see the same numbers: they differ by their random draws alone.
        foreach (float[] data in new[] { tensors.Queries, tensors.Keys, tensors.Values })
        {
            data.AsSpan(0, data.Length / 2).CopyTo(data.AsSpan(data.Length / 2));
        }
        var method = new HyperAttention(new HyperSettings { Block = 8, Sample = 8, MinSequence = 16 });
        float[] Run(ulong seed, int layer)
        {
            tensors.Poison();
            tensors.Run(method, new AttentionOptions { Seed = seed, Layer = layer });
            return [.. tensors.Output];
        }

        float[] first = Run(1, 2);
        Run(1, 2).ShouldBe(first);
        Run(2, 2).ShouldNotBe(first);
        Run(1, 3).ShouldNotBe(first);
        first[..(first.Length / 2)].ShouldNotBe(first[(first.Length / 2)..]);
    }

    [Fact]
    public void Default_sizes_have_the_budget_of_the_public_code() =>
        ((double)new HyperAttention().CountInteractions(AttentionTensors.ShapeOf(8192, 8192), causal: true)
            / AttentionTensors.ShapeOf(8192, 8192).ExactInteractions(causal: true)).ShouldBe(0.1876, 0.0001);

    [Fact]
    public void Spec_gives_the_sizes()
    {
        var method = (ISizedAttention)AttentionMethods.Create("hyper:block=64,min=300,pairing=paper");
        (method.Spec, method.HasExplicitSize, method.SizeParameter).ShouldBe(("hyper:block=64,sample=128,min=300,pairing=paper", false, "sample"));
        ((ISizedAttention)AttentionMethods.Create("hyper:sample=5")).HasExplicitSize.ShouldBeTrue();
        method.WithSize(9).Spec.ShouldBe("hyper:block=64,sample=9,min=300,pairing=paper");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("hyper:block=0")).Message.ShouldContain("at least 1");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("hyper:samples=4")).Message.ShouldContain("did you mean 'sample'");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("hyper:pairing=ranks")).Message.ShouldContain("did you mean 'rank'");
    }

    private static void Check(AttentionTensors tensors, HyperSettings settings)
    {
        var options = new AttentionOptions { Seed = 7, Layer = 3 };
        var method = new HyperAttention(settings);
        var oracle = new HyperOracle(tensors, settings, options);
        AttentionReport report = tensors.Run(method, options);
        NaiveAttention.ShouldMatch(tensors, oracle.Keys);
        AttentionMethodCases.InteractionsShouldMatch(tensors, method, report, oracle.Keys);
    }
}
