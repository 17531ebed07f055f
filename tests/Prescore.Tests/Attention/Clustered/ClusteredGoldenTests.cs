using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Experiments.Layers;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Tests.Attention.Clustered;

/// <summary>Clustered attention on queries, keys and values of a layer of a real model.</summary>
public class ClusteredGoldenTests
{
    private const int Tokens = 2048;
    private const int FileTokens = 4096;

    private static readonly Lazy<AttentionTensors> Layer = new(() => Read(Tokens));

    private static readonly Lazy<float[]> Exact = new(() =>
    {
        Layer.Value.Run(new ExactAttention());
        return [.. Layer.Value.Output];
    });

    [Theory]
    [InlineData("clustered:error=0.1", 0, 0.2, 0.75)]
    [InlineData("clustered:error=0.3", 0, 0.5, 0.5)]
    [InlineData("clustered:budget=0.4", 0.01, 0.3, 0.55)]
    [InlineData("clustered:error=1e-6", 0, 5e-4, 1.01)]
    [InlineData("clustered:budget=1", 0, 5e-4, 1.01)]
    public void Error_and_budget_on_a_real_layer(string spec, double least, double most, double budget)
    {
        SharedData.Golden("smollm2", "qkv-layer12.safetensors");
        float[] exact = Exact.Value;
        var tensors = Layer.Value;
        AttentionReport report = tensors.Run(AttentionMethods.Create(spec));
        RelativeError[] errors = RelativeError.ByHead(tensors.Output, exact, tensors.Shape);
        errors.Aggregate((a, b) => a + b).Value.ShouldBeInRange(least, most);
        report.Budget.ShouldBeLessThan(budget);
    }

    [Fact]
    public void Intervals_of_certificates_hold_the_true_error_for_nine_heads_in_ten()
    {
        SharedData.Golden("smollm2", "qkv-layer12.safetensors");
        AttentionTensors tensors = Read(FileTokens);
        tensors.Run(new ExactAttention());
        float[] exact = [.. tensors.Output];
        int held = 0, heads = 0;
        for (ulong seed = 0; seed < 3; seed++)
        {
            AttentionReport report = tensors.Run(AttentionMethods.Create("clustered:error=0.1"), new AttentionOptions { Layer = 12, Seed = seed });
            RelativeError[] errors = RelativeError.ByHead(tensors.Output, exact, tensors.Shape);
            heads += errors.Length;
            held += report.Certificates!.Count(c => errors[c.Head].Value >= c.ErrorLow && errors[c.Head].Value <= c.ErrorHigh);
        }
        held.ShouldBeGreaterThanOrEqualTo(heads * 9 / 10);
    }

    private static AttentionTensors Read(int tokens)
    {
        using SafetensorsFile golden = SafetensorsFile.Open(SharedData.Golden("smollm2", "qkv-layer12.safetensors"));
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(tokens, tokens, queryHeads: 9, keyValueHeads: 3, dimension: 64), causal: true);
        foreach ((string name, float[] target, int heads) in new[] { ("q", tensors.Queries, 9), ("k", tensors.Keys, 3), ("v", tensors.Values, 3) })
        {
            for (int head = 0; head < heads; head++)
            {
                golden.ReadFloats(name, head * (long)FileTokens * 64, target.AsSpan(head * tokens * 64, tokens * 64));
            }
        }
        return tensors;
    }
}
