using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Models.Evaluation;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;
using Prescore.Models.Layers;

namespace Prescore.Tests.Inference;

/// <summary>The embedded model over long texts against reference likelihoods: up to minutes each, so only where asked for.</summary>
public class LongContextTests
{
    private const string Switch = "PRESCORE_LONG_TESTS";

    [Theory]
    [InlineData("nll-8k-wikitext2.safetensors", null, 1e-3, 18.5600)]
    [InlineData("nll-8k-paulgraham.safetensors", null, 1e-3, 22.1712)]
    [InlineData("nll-16k-yarn2-warandpeace.safetensors", "yarn:factor=2", 2e-3, 21.2392)]
    [InlineData("nll-32k-yarn4-warandpeace.safetensors", "yarn:factor=4", 2e-3, 24.0175)]
    public void Likelihoods_equal_the_reference(string cases, string? rope, double bound, double perplexity)
    {
        Assert.SkipUnless(Environment.GetEnvironmentVariable(Switch) == "1", $"takes up to minutes; set {Switch}=1 to run it");
        using SafetensorsFile golden = SafetensorsFile.Open(SharedData.Golden("smollm2", cases));
        int[] tokens = golden.ReadInt32s("input_ids");
        float[] expected = golden.ReadFloats("nll");
        using CausalModel model = CausalModel.Load(
            Path.Combine(SharedData.Repository, "models", "SmolLM2-135M-Instruct.Q4_1.gguf"),
            new ModelOptions { Rope = rope is null ? null : RopeScaling.Parse(rope) });
        PerplexityRun run = new PerplexityEvaluator(model, tokens, tokens.Length, 1, 0).Run(
            new ExactAttention(), AttentionOptions.Default, cancellationToken: TestContext.Current.CancellationToken);
        run.NegativeLogLikelihood.Length.ShouldBe(expected.Length);
        run.NegativeLogLikelihood.Zip(expected, (actual, wanted) => Math.Abs((double)actual - wanted)).Max().ShouldBeLessThan(bound);
        run.Perplexity.ShouldBe(perplexity, 1e-4 * perplexity);
    }
}
