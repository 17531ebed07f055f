using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Experiments;
using Prescore.Experiments.Layers;
using Prescore.Models.Families;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Inference;
using Prescore.Models.Layers;
using Prescore.Models.Tokenizers;

namespace Prescore.Tests.Experiments;

public class CapturedLayersTests
{
    private static string Model => SharedData.Golden("gguf", "tiny-llama-f32.gguf");

    private static string Text => Path.Combine(SharedData.Repository, "texts", "war-and-peace-part.txt");

    [Fact]
    public void Captures_what_each_layer_attends_with()
    {
        const int n = 65;
        IReadOnlyList<LayerTensors> layers = new CapturedLayers(Model, Text, layers: null, [33, n], AttentionOptions.Default).Load(n, null, default);

        using CausalModel model = CausalModel.Load(Model);
        using var session = new CausalSession(model, new ExactAttention(), AttentionOptions.Default);
        session.OnAttention = (layer, queries, keys, values, count) =>
        {
            AttentionInput input = layers[layer].Input(causal: true);
            layers[layer].Layer.ShouldBe(layer);
            input.Shape.ShouldBe(new AttentionShape { QueryHeads = 4, KeyValueHeads = 2, Queries = n, Keys = n, HeadDimension = 16, ValueDimension = 16 });
            ShouldBeTransposed(input.Queries, queries, 4, n);
            ShouldBeTransposed(input.Keys, keys, 2, n);
            ShouldBeTransposed(input.Values, values, 2, n);
        };
        session.Append(Tokens(n), []);

        layers.Count.ShouldBe(3);
    }

    [Fact]
    public void A_shorter_length_is_the_beginning_of_a_longer_one()
    {
        var source = new CapturedLayers(Model, Text, layers: null, [33, 65], AttentionOptions.Default);

        LayerTensors prefix = source.Load(33, null, default)[2];
        LayerTensors alone = new CapturedLayers(Model, Text, layers: null, [33], AttentionOptions.Default).Load(33, null, default)[2];

        ReadOnlySpan<float> expected = alone.Input(true).Keys;
        ReadOnlySpan<float> actual = prefix.Input(true).Keys;
        actual.Length.ShouldBe(expected.Length);
        for (int i = 0; i < expected.Length; i++)
        {
            actual[i].ShouldBe(expected[i], 1e-4f);
        }
    }

    [Fact]
    public void Beyond_the_trained_context_positions_are_scaled()
    {
        using GgufFile file = GgufFile.Open(Model);
        int trained = file.Metadata.GetCount("llama.context_length");
        int n = trained + trained / 2;
        LayerTensors scaled = new CapturedLayers(Model, Text, layers: null, [n], AttentionOptions.Default).Load(n, null, default)[0];
        LayerTensors unscaled = new CapturedLayers(Model, Text, layers: null, [trained], AttentionOptions.Default).Load(trained, null, default)[0];

        // The first layer's keys differ by their rotation and YaRN's factor alone: at position 0 by the factor.
        float factor = new YarnScaling(1.5).AttentionFactor;
        for (int i = 0; i < 16; i++)
        {
            scaled.Input(true).Keys[i].ShouldBe(unscaled.Input(true).Keys[i] * factor, 1e-5f);
        }
    }

    [Fact]
    public void The_layers_below_may_attend_by_another_method()
    {
        const int n = 65;
        var source = new CapturedLayers(Model, Text, layers: null, [n], AttentionOptions.Default, "window:w=4");
        IReadOnlyList<LayerTensors> exact = new CapturedLayers(Model, Text, layers: null, [n], AttentionOptions.Default).Load(n, null, default);

        IReadOnlyList<LayerTensors> captured = source.Load(n, null, default);

        source.Description.ShouldEndWith(", captured with window:w=4");
        captured[0].Input(true).Keys.SequenceEqual(exact[0].Input(true).Keys).ShouldBeTrue();
        captured[1].Input(true).Keys.SequenceEqual(exact[1].Input(true).Keys).ShouldBeFalse();
    }

    [Theory]
    [InlineData(CapturedLayers.LongestExact, "war-and-peace-part.txt")]
    [InlineData(CapturedLayers.LongestExact + 1, ", beyond n = 32768 captured with clustered:error=0.1")]
    public void Long_captures_say_that_they_are_clustered(int n, string end) =>
        new CapturedLayers(Model, Text, layers: null, [33, n], AttentionOptions.Default).Description.ShouldEndWith(end);

    [Fact]
    public void A_capture_budget_out_of_reach_is_refused_at_once()
    {
        var (model, text) = (Model, Text);
        Should.Throw<BudgetException>(() => new CapturedLayers(model, text, null, [700], AttentionOptions.Default, "clustered:budget=0.01"));
    }

    [Fact]
    public void A_layer_that_the_model_lacks_is_refused()
    {
        var (model, text) = (Model, Text);
        Should.Throw<BadInputException>(() => new CapturedLayers(model, text, [3], [33], AttentionOptions.Default))
            .Message.ShouldContain("3 layers");
        new CapturedLayers(model, text, [1], [33], AttentionOptions.Default).Load(33, null, default).Single().Layer.ShouldBe(1);
    }

    private static int[] Tokens(int count)
    {
        using GgufFile file = GgufFile.Open(Model);
        return GgufTokenizer.FromGguf(file).EncodePrefix(File.ReadAllText(Text), count);
    }

    private static void ShouldBeTransposed(ReadOnlySpan<float> headsFirst, ReadOnlySpan<float> rowsFirst, int heads, int n)
    {
        for (int head = 0; head < heads; head++)
        {
            for (int row = 0; row < n; row++)
            {
                headsFirst.Slice((head * n + row) * 16, 16).SequenceEqual(rowsFirst.Slice((row * heads + head) * 16, 16)).ShouldBeTrue();
            }
        }
    }
}
