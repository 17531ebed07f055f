using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Models.Evaluation;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;
using Prescore.Models.Inference;
using Prescore.Tests.Inference;

namespace Prescore.Tests.Evaluation;

public class ModelVerifierTests
{
    private const int Layers = 3, Hidden = 64, Vocabulary = 320;

    private static readonly ExactAttention Exact = new();

    // The reference logits ask for 1e-4: a tenth of the default bound.
    [Theory]
    [InlineData("tiny-llama-f32.gguf", "tiny/llama/golden.safetensors", 6)]
    [InlineData("tiny-llama-f16.gguf", "gguf/tiny-llama-f16.golden.safetensors", 6)]
    [InlineData("tiny-llama-q8_0.gguf", "gguf/tiny-llama-q8_0.golden.safetensors", 6)]
    [InlineData("tiny-llama3-rope-f32.gguf", "tiny/llama3-rope/golden.safetensors", 5)]
    public void Tiny_models_give_the_reference_values(string modelFile, string golden, int arrays)
    {
        using CausalModel model = GoldenModels.Tiny(modelFile);
        VerificationResult result = new ModelVerifier(model, Exact, AttentionOptions.Default).Verify(SharedData.Golden(golden.Split('/')));
        result.Arrays.Where(array => !array.Passed).ShouldBeEmpty();
        result.Passed.ShouldBeTrue();
        result.Arrays.Count.ShouldBe(arrays);
        result.Ignored.ShouldBeEmpty();
        result.Arrays.Single(array => array.Name == "logits").MaxDifference.ShouldBeLessThan(1e-4);
    }

    [Fact]
    public void The_embedded_model_gives_the_reference_values()
    {
        VerificationResult result = new ModelVerifier(GoldenModels.SmolLm2, Exact, AttentionOptions.Default).Verify(SharedData.Golden("smollm2", "short.safetensors"));
        result.Arrays.Where(array => !array.Passed).ShouldBeEmpty();
        result.Arrays.ToDictionary(array => array.Name, array => array.Values)
            .ShouldBe(new Dictionary<string, long> { ["hidden"] = 96 * 576, ["logits"] = 4 * 49152, ["nll"] = 95 }, ignoreOrder: true);
        result.Arrays.ShouldAllBe(array => array.MaxDifference > 0 && array.MeanDifference < array.MaxDifference);
    }

    [Fact]
    public void An_attention_that_sees_everything_passes_and_one_that_does_not_fails()
    {
        using CausalModel model = GoldenModels.Tiny("tiny-llama-f32.gguf");
        string cases = SharedData.Golden("tiny", "llama", "golden.safetensors");
        new ModelVerifier(model, AttentionMethods.Create("window:w=40"), AttentionOptions.Default).Verify(cases).Passed.ShouldBeTrue();
        VerificationResult narrow = new ModelVerifier(model, AttentionMethods.Create("window:w=3"), AttentionOptions.Default).Verify(cases);
        narrow.Passed.ShouldBeFalse();
        narrow.Arrays.Single(array => array.Name == "hidden_states.0").Passed.ShouldBeTrue("attention does not change the first layer's input");
        narrow.Arrays.Where(array => array.Name != "hidden_states.0").ShouldAllBe(array => !array.Passed);
    }

    [Fact]
    public void Differences_places_and_bounds_are_told()
    {
        using CausalModel model = GoldenModels.Tiny("tiny-llama-f32.gguf");
        using TemporaryFolder folder = new();
        int[] tokens = [5, 9, 200, 3];
        float[] hidden = FinalHidden(model, tokens);
        float[] logits = GoldenModels.Logits(model, hidden);
        hidden[2 * Hidden + 7] += 0.5f;
        float[] last = logits[^(2 * Vocabulary)..];
        last[Vocabulary + 1] -= 0.25f;
        last[Vocabulary + 11] += 0.75f;
        string path = Save(folder, tokens, ("final_norm", hidden, [4, Hidden]), ("logits", last, [1, 2, Vocabulary]), ("inv_freq", [1], [1]));

        VerificationResult result = new ModelVerifier(model, Exact, AttentionOptions.Default, tolerance: 10).Verify(path);

        result.Ignored.ShouldBe(["inv_freq"]);
        ArrayComparison norm = result.Arrays.Single(array => array.Name == "final_norm");
        norm.FirstMismatch.ShouldNotBeNull().ShouldStartWith("[2, 7]: ");
        norm.MaxDifference.ShouldBe(0.5, 1e-5);
        norm.MeanDifference.ShouldBe(0.5 / (4 * Hidden), 1e-6);
        norm.Bound.ShouldBe(10 * 1e-5 * hidden.Max(Math.Abs), 1e-9);
        ArrayComparison ends = result.Arrays.Single(array => array.Name == "logits");
        ends.FirstMismatch.ShouldNotBeNull().ShouldStartWith("[1, 1]: ");
        ends.MaxDifference.ShouldBe(0.75, 1e-5);
        ends.Bound.ShouldBe(0.001, 1e-12);
        ends.Values.ShouldBe(2 * Vocabulary);
        new ModelVerifier(model, Exact, AttentionOptions.Default, tolerance: 1e6).Verify(path).Passed.ShouldBeTrue();
    }

    [Fact]
    public void Likelihoods_are_those_of_a_naive_softmax()
    {
        using CausalModel model = GoldenModels.Tiny("tiny-llama-f32.gguf");
        using TemporaryFolder folder = new();
        int[] tokens = [.. Enumerable.Range(0, 150).Select(i => (i * 37 + i * i) % Vocabulary)];
        float[] logits = GoldenModels.Logits(model, FinalHidden(model, tokens));
        float[] nll = [.. Enumerable.Range(0, tokens.Length - 1).Select(i =>
            (float)(Math.Log(logits.Skip(i * Vocabulary).Take(Vocabulary).Sum(logit => Math.Exp(logit))) - logits[i * Vocabulary + tokens[i + 1]]))];
        string path = Save(folder, tokens, ("nll", nll, [tokens.Length - 1]), ("logits", logits, [tokens.Length, Vocabulary]));
        VerificationResult result = new ModelVerifier(model, Exact, AttentionOptions.Default, tolerance: 0.1).Verify(path);
        result.Arrays.Where(array => !array.Passed).ShouldBeEmpty();
        nll[149 / 2] += 1;
        string wrong = Save(folder, tokens, ("nll", nll, [1, tokens.Length - 1]));
        new ModelVerifier(model, Exact, AttentionOptions.Default).Verify(wrong).Arrays.Single().FirstMismatch.ShouldNotBeNull().ShouldStartWith("[74]: ");
    }

    public static TheoryData<string, int[], string, float[], long[]> Unfit => new()
    {
        { "nothing to compare", [1, 2], "other", [1], [1] },
        { "not one sequence", [], "nll", [], [0] },
        { "outside the model's vocabulary", [1, Vocabulary], "nll", [1], [1] },
        { "outside the model's vocabulary", [-1, 3], "nll", [1], [1] },
        { "does not fit", [1, 2], "nll", [1, 2], [2] },
        { "does not fit", [1, 2], "hidden", new float[Hidden], [1, Hidden] },
        { "does not fit", [1, 2], "final_norm", new float[2 * Hidden], [2 * Hidden] },
        { "does not fit", [1, 2], "logits", new float[3 * Vocabulary], [3, Vocabulary] },
        { "does not fit", [1, 2], "logits", [], [0, Vocabulary] },
        { "does not fit", [1, 2], "logits", new float[2 * Vocabulary], [2, 1, Vocabulary] },
        { "beyond the model's 3 layers", [1], "hidden_states.4", new float[Hidden], [1, Hidden] },
        { "not finite", [1, 2], "nll", [float.NaN], [1] },
        { "not finite", [1, 2], "nll", [float.NegativeInfinity], [1] },
    };

    [Theory]
    [MemberData(nameof(Unfit))]
    public void Cases_that_do_not_fit_are_refused_in_one_line(string problem, int[] tokens, string name, float[] values, long[] shape)
    {
        using CausalModel model = GoldenModels.Tiny("tiny-llama-f32.gguf");
        model.Configuration.Layers.ShouldBe(Layers);
        using TemporaryFolder folder = new();
        string path = Save(folder, tokens, (name, values, shape));
        string message = Should.Throw<ModelFormatException>(() => new ModelVerifier(model, Exact, AttentionOptions.Default).Verify(path)).Message;
        message.ShouldContain(problem);
        message.ShouldNotContain('\n');
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void A_tolerance_that_is_no_positive_number_is_refused(double tolerance)
    {
        using CausalModel model = GoldenModels.Tiny("tiny-llama-f32.gguf");
        Should.Throw<ArgumentOutOfRangeException>(() => new ModelVerifier(model, Exact, AttentionOptions.Default, tolerance));
    }

    private static float[] FinalHidden(CausalModel model, int[] tokens)
    {
        using CausalSession session = GoldenModels.ExactSession(model);
        return GoldenModels.Prefill(session, tokens, Hidden);
    }

    private static string Save(TemporaryFolder folder, int[] tokens, params ReadOnlySpan<(string Name, float[] Values, long[] Shape)> arrays)
    {
        var writer = new SafetensorsWriter();
        writer.Add("input_ids", tokens, tokens.Length);
        foreach ((string name, float[] values, long[] shape) in arrays)
        {
            writer.Add(name, values, shape);
        }
        string path = folder.File("cases.safetensors");
        writer.Save(path);
        return path;
    }
}
