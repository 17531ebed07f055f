using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Attention.Quoka;
using Prescore.Kernels;
using Prescore.Specs;
using Prescore.Tests.Attention.Oracles;

namespace Prescore.Tests.Attention;

public class QuokaTests
{
    private static readonly (int Queries, int Keys)[] Sizes = [(1, 1), (3, 5), (63, 63), (65, 257), (1, 600), (300, 300), (130, 401)];

    [Theory]
    [InlineData(1, 1, 16)]
    [InlineData(20, 5, 32)]
    [InlineData(50, 100, 128)]
    [InlineData(7, 19, 30)]
    public void Equals_the_oracle(int selected, int representatives, int chunk)
    {
        foreach ((int queries, int keys) in Sizes)
        {
            var shape = AttentionTensors.ShapeOf(queries, keys, queryHeads: 6, keyValueHeads: 2, dimension: 9, valueDimension: 5);
            foreach (bool causal in new[] { true, false })
            {
                Check(new AttentionTensors(shape, causal), selected, representatives, chunk);
                Check(AttentionMethodCases.WithLogWeights(shape, causal), selected, representatives, chunk);
            }
        }
    }

    [Fact]
    public void Equals_the_oracle_with_more_queries_than_keys_and_several_sequences()
    {
        Check(new AttentionTensors(AttentionTensors.ShapeOf(150, 60), causal: false), 20, 4, 64);
        Check(new AttentionTensors(AttentionTensors.ShapeOf(90, 200, queryHeads: 4, keyValueHeads: 2, batch: 2), causal: true), 20, 4, 64);
    }

    [Theory]
    [InlineData(SimdPath.Scalar)]
    [InlineData(SimdPath.Vector256)]
    [InlineData(SimdPath.Vector512)]
    public void Equals_the_oracle_on_every_SIMD_path(SimdPath path) =>
        Check(new AttentionTensors(AttentionTensors.ShapeOf(200, 333, queryHeads: 3, dimension: 20, valueDimension: 70), causal: true), 40, 21, 64, path);

    [Fact]
    public void Keys_and_queries_of_zeros_have_no_direction()
    {
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(100, 300, dimension: 8), causal: true);
        tensors.Keys.AsSpan(0, 800).Clear();
        tensors.Queries.AsSpan(0, 400).Clear();
        tensors.Run(new QuokaAttention(30, 8, 32));
        tensors.Output.ShouldAllBe(x => float.IsFinite(x));
    }

    [Fact]
    public void Options_are_read_and_mistakes_named()
    {
        var method = (ISizedAttention)AttentionMethods.Create("quoka");
        (method.Spec, method.HasExplicitSize, method.SizeParameter).ShouldBe(("quoka:s=1024,queries=16,chunk=128", false, "s"));
        method.WithSize(5).Spec.ShouldBe("quoka:s=5,queries=16,chunk=128");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("quoka:s=0")).Message.ShouldContain("at least 1");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("quoka:chunk=5000")).Message.ShouldContain("at most 4096");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("quoka:query=5")).Message.ShouldContain("did you mean 'queries'");
    }

    private static void Check(AttentionTensors tensors, int selected, int representatives, int chunk, SimdPath? path = null)
    {
        var method = new QuokaAttention(selected, representatives, chunk);
        AttentionReport report = tensors.Run(method, new AttentionOptions { Simd = path ?? SimdPaths.Best });
        var oracle = new QuokaOracle(tensors, selected, representatives, chunk);
        NaiveAttention.ShouldMatch(tensors, oracle.Keys);
        AttentionMethodCases.InteractionsShouldMatch(tensors, method, report, oracle.Keys, () => oracle.Scored);
    }
}
