using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Attention.Quest;
using Prescore.Kernels;
using Prescore.Specs;
using Prescore.Tests.Attention.Oracles;

namespace Prescore.Tests.Attention;

public class QuestTests
{
    private static readonly (int Queries, int Keys)[] Sizes = [(1, 1), (3, 5), (63, 63), (65, 257), (1, 600), (300, 300), (130, 384)];

    [Theory]
    [InlineData(1, 16)]
    [InlineData(20, 16)]
    [InlineData(64, 32)]
    [InlineData(100, 64)]
    [InlineData(100, 128)]
    public void Equals_the_oracle(int selected, int page)
    {
        foreach ((int queries, int keys) in Sizes)
        {
            var shape = AttentionTensors.ShapeOf(queries, keys, queryHeads: 6, keyValueHeads: 2, dimension: 9, valueDimension: 5);
            foreach (bool causal in new[] { true, false })
            {
                Check(new AttentionTensors(shape, causal), selected, page);
                Check(AttentionMethodCases.WithLogWeights(shape, causal), selected, page);
            }
        }
    }

    [Fact]
    public void Equals_the_oracle_with_more_queries_than_keys_and_several_sequences()
    {
        Check(new AttentionTensors(AttentionTensors.ShapeOf(150, 100), causal: false), 20, 16);
        Check(new AttentionTensors(AttentionTensors.ShapeOf(90, 200, queryHeads: 4, keyValueHeads: 2, batch: 2), causal: true), 20, 16);
    }

    [Theory]
    [InlineData(SimdPath.Scalar)]
    [InlineData(SimdPath.Vector256)]
    [InlineData(SimdPath.Vector512)]
    public void Equals_the_oracle_on_every_SIMD_path(SimdPath path)
    {
        foreach (int page in new[] { 16, 64, 128 })
        {
            Check(new AttentionTensors(AttentionTensors.ShapeOf(200, 555, queryHeads: 3, dimension: 20, valueDimension: 70), causal: true), 48, page, path);
        }
    }

    [Fact]
    public void The_bound_of_a_page_holds_for_its_keys()
    {
        // With one page selected, the key with the largest logit of all is in it or in a page whose bound is lower than the selected one's.
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(1, 513, queryHeads: 1, dimension: 16), causal: true);
        tensors.Keys.AsSpan(16 * 100, 16).Fill(9);
        tensors.Queries.AsSpan().Fill(1);
        tensors.Run(new QuestAttention(16));
        tensors.LogSumExp[0].ShouldBe(9 * 16 / 4f, 1e-3f);
    }

    [Fact]
    public void Options_are_read_and_mistakes_named()
    {
        var method = (ISizedAttention)AttentionMethods.Create("quest");
        (method.Spec, method.HasExplicitSize, method.SizeParameter).ShouldBe(("quest:s=1024,page=16", false, "s"));
        method.WithSize(5).Spec.ShouldBe("quest:s=5,page=16");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("quest:s=0")).Message.ShouldContain("at least 1");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("quest:page=20")).Message.ShouldContain("page of method 'quest'");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("quest:pages=5")).Message.ShouldContain("did you mean 'page'");
    }

    private static void Check(AttentionTensors tensors, int selected, int page, SimdPath? path = null)
    {
        var method = new QuestAttention(selected, page);
        AttentionReport report = tensors.Run(method, new AttentionOptions { Simd = path ?? SimdPaths.Best });
        var oracle = new QuestOracle(tensors, selected, page);
        NaiveAttention.ShouldMatch(tensors, oracle.Keys);
        AttentionMethodCases.InteractionsShouldMatch(tensors, method, report, oracle.Keys, () => oracle.Scored);
    }
}
