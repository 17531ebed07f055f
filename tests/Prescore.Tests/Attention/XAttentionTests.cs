using Prescore.Attention;
using Prescore.Attention.Antidiagonal;
using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Specs;
using Prescore.Tests.Attention.Oracles;

namespace Prescore.Tests.Attention;

public class XAttentionTests
{
    private static readonly (int Queries, int Keys)[] Sizes = [(1, 1), (3, 5), (63, 63), (65, 257), (1, 600), (700, 700), (130, 401), (200, 1000)];

    [Theory]
    [InlineData(0.3, 16)]
    [InlineData(0.9, 2)]
    [InlineData(0.6, 8)]
    [InlineData(1, 4)]
    public void Equals_the_oracle(double threshold, int stride)
    {
        foreach ((int queries, int keys) in Sizes)
        {
            var shape = AttentionTensors.ShapeOf(queries, keys, queryHeads: 6, keyValueHeads: 2, dimension: 9, valueDimension: 5);
            foreach (bool causal in new[] { true, false })
            {
                Check(Structured(new AttentionTensors(shape, causal)), threshold, stride);
                Check(Structured(AttentionMethodCases.WithLogWeights(shape, causal)), threshold, stride);
            }
        }
    }

    [Fact]
    public void Equals_the_oracle_with_more_queries_than_keys_and_several_sequences()
    {
        Check(new AttentionTensors(AttentionTensors.ShapeOf(700, 300), causal: false), 0.4, 8);
        Check(new AttentionTensors(AttentionTensors.ShapeOf(90, 700, queryHeads: 4, keyValueHeads: 2, batch: 2), causal: true), 0.4, 8);
    }

    [Theory]
    [InlineData(SimdPath.Scalar)]
    [InlineData(SimdPath.Vector256)]
    [InlineData(SimdPath.Vector512)]
    public void Equals_the_oracle_on_every_SIMD_path(SimdPath path)
    {
        foreach (int stride in new[] { 2, 16, 64 })
        {
            Check(Structured(new AttentionTensors(AttentionTensors.ShapeOf(500, 900, queryHeads: 3, dimension: 20, valueDimension: 70), causal: true)), 0.5, stride, path);
        }
    }

    [Fact]
    public void A_sharp_block_is_found()
    {
        // All queries look for the direction that keys 256 … 383 have.
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(1024, 1024, queryHeads: 1, dimension: 16), causal: false, magnitude: 0.1f);
        for (int i = 0; i < 1024; i++)
        {
            tensors.Queries[16 * i] += 8;
            tensors.Keys[16 * i] += i / 128 == 2 ? 8 : 0;
        }
        AttentionReport report = tensors.Run(new XAttention(0.9, 16));
        report.Interactions.ShouldBe(1024 * 128 + 1024 * 1024 / 16);
    }

    [Fact]
    public void Options_are_read_and_mistakes_named()
    {
        AttentionMethods.Create("xattention").Spec.ShouldBe("xattention:threshold=0.9,stride=16");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("xattention:threshold=1.5"));
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("xattention:stride=12")).Message.ShouldContain("stride of method 'xattention'");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("xattention:tau=0.5")).Message.ShouldContain("threshold");
    }

    /// <summary>Neighbouring keys share a direction, so that blocks differ.</summary>
    private static AttentionTensors Structured(AttentionTensors tensors)
    {
        int d = tensors.Shape.HeadDimension;
        for (int i = 0; i < tensors.Keys.Length; i++)
        {
            tensors.Keys[i] += 3 * MathF.Sin(i / d / 40 + i % d);
        }
        return tensors;
    }

    private static void Check(AttentionTensors tensors, double threshold, int stride, SimdPath? path = null)
    {
        AttentionReport report = tensors.Run(new XAttention(threshold, stride), new AttentionOptions { Simd = path ?? SimdPaths.Best });
        var oracle = new XAttentionOracle(tensors, threshold, stride);
        NaiveAttention.ShouldMatch(tensors, oracle.Keys);
        AttentionMethodCases.InteractionsShouldMatch(tensors, report, oracle.Keys, () => oracle.Scored);
    }
}
