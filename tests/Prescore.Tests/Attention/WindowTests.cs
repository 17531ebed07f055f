using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Attention.Window;
using Prescore.Specs;
using Prescore.Tests.Attention.Oracles;

namespace Prescore.Tests.Attention;

public class WindowTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(64)]
    [InlineData(130)]
    [InlineData(int.MaxValue)]
    public void Equals_the_oracle(int window)
    {
        foreach ((int queries, int keys) in new[] { (1, 1), (63, 63), (65, 257), (257, 257), (1, 300), (5, 7), (1000, 1000) })
        {
            foreach (bool causal in new[] { true, false })
            {
                Check(new AttentionTensors(AttentionTensors.ShapeOf(queries, keys, queryHeads: 4, keyValueHeads: 2, dimension: 9), causal), window);
            }
        }
    }

    [Fact]
    public void Equals_the_oracle_with_more_queries_than_keys()
    {
        foreach (int window in new[] { 0, 2, 40, 100, 500 })
        {
            Check(new AttentionTensors(AttentionTensors.ShapeOf(150, 60), causal: false), window);
        }
    }

    [Fact]
    public void Log_weights_shift_logits_and_remove_keys() =>
        Check(AttentionMethodCases.WithLogWeights(AttentionTensors.ShapeOf(200, 300, queryHeads: 4, keyValueHeads: 2), causal: true), 50);

    [Fact]
    public void Spec_gives_the_size()
    {
        var method = (ISizedAttention)AttentionMethods.Create("window:w=17");
        (method.Spec, method.HasExplicitSize, method.SizeParameter).ShouldBe(("window:w=17", true, "w"));
        var sized = ((ISizedAttention)AttentionMethods.Create("window")).WithSize(3);
        (sized.Spec, sized.HasExplicitSize).ShouldBe(("window:w=3", false));
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("window:w=-1")).Message.ShouldContain("at least 0");
        Should.Throw<MethodSpecException>(() => AttentionMethods.Create("window:v=1")).Message.ShouldContain("did you mean 'w'");
    }

    private static void Check(AttentionTensors tensors, int window)
    {
        var method = new WindowAttention(window);
        AttentionReport report = tensors.Run(method);
        NaiveAttention.ShouldMatch(tensors, (_, _, query) => WindowOracle.Keys(tensors, query, window));
        AttentionMethodCases.InteractionsShouldMatch(tensors, method, report, (_, _, query) => WindowOracle.Keys(tensors, query, window));
    }
}
