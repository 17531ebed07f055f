using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;
using Prescore.Models.Layers;

namespace Prescore.Tests.Families;

public class RotaryEmbeddingTests
{
    private static readonly ModelConfiguration SmolLm = new()
    {
        Architecture = "llama",
        Layers = 30,
        HiddenSize = 576,
        QueryHeads = 9,
        KeyValueHeads = 3,
        HeadDimension = 64,
        FeedForwardSize = 1536,
        VocabularySize = 49152,
        TrainedContext = 8192,
        NormEpsilon = 1e-5f,
        RopeBase = 100000,
        RopeDimensions = 64,
    };

    [Theory]
    [InlineData("nll-16k-yarn2-warandpeace.safetensors", 2, 1.0693f)]
    [InlineData("nll-32k-yarn4-warandpeace.safetensors", 4, 1.1386f)]
    public void Yarn_frequencies_equal_the_reference(string file, double factor, float attentionFactor)
    {
        using SafetensorsFile golden = SafetensorsFile.Open(SharedData.Golden("smollm2", file));
        float[] expected = golden.ReadFloats("inv_freq");

        RotaryEmbedding rotary = RotaryEmbedding.Create(SmolLm, [], new YarnScaling(factor));

        rotary.Frequencies.ShouldBe(expected);
        rotary.AttentionFactor.ShouldBe(attentionFactor, 1e-4f);
    }

    [Fact]
    public void Linear_scaling_divides_every_frequency_and_keeps_the_logits()
    {
        RotaryEmbedding plain = RotaryEmbedding.Create(SmolLm, [], null);

        RotaryEmbedding scaled = RotaryEmbedding.Create(SmolLm, [], new LinearScaling(4));

        scaled.Frequencies.ShouldBe(plain.Frequencies.Select(frequency => frequency / 4));
        scaled.AttentionFactor.ShouldBe(1);
    }

    [Fact]
    public void Without_scaling_frequencies_are_powers_of_the_base_over_the_divisors()
    {
        float[] divisors = [.. Enumerable.Range(1, 32).Select(i => (float)i)];

        RotaryEmbedding rotary = RotaryEmbedding.Create(SmolLm, divisors, null);

        for (int pair = 0; pair < 32; pair++)
        {
            double expected = Math.Pow(1e5, -pair / 32.0) / (pair + 1);
            ((double)rotary.Frequencies[pair]).ShouldBe(expected, 2e-7 * expected);
        }
        rotary.AttentionFactor.ShouldBe(1);
    }

    [Theory]
    [InlineData(2, 2)]
    [InlineData(8, 8)]
    [InlineData(16, 10)]
    [InlineData(64, 64)]
    [InlineData(66, 66)]
    [InlineData(80, 38)]
    public void Neighbours_turn_by_position_times_frequency(int dimension, int rotated)
    {
        var random = new Random(dimension);
        float[] frequencies = [.. Enumerable.Range(0, rotated / 2).Select(_ => random.NextSingle())];
        const float Factor = 1.25f;
        const int Position = 100_003;
        float[] head = [.. Enumerable.Range(0, dimension).Select(_ => random.NextSingle() - 0.5f)];
        float[] turned = [.. head];
        var cosines = new float[rotated];
        var sines = new float[rotated];

        new RotaryEmbedding(frequencies, Factor).Angles(Position, cosines, sines);
        RotaryEmbedding.Rotate(turned, cosines, sines);

        for (int pair = 0; pair < rotated / 2; pair++)
        {
            double angle = Position * frequencies[pair]; // rounded to fp32, as in training
            double x = head[2 * pair], y = head[2 * pair + 1];
            ((double)turned[2 * pair]).ShouldBe(Factor * (x * Math.Cos(angle) - y * Math.Sin(angle)), 1e-6);
            ((double)turned[2 * pair + 1]).ShouldBe(Factor * (x * Math.Sin(angle) + y * Math.Cos(angle)), 1e-6);
        }
        turned[rotated..].ShouldBe(head[rotated..]);
    }

    [Theory]
    [InlineData("yarn:factor=2", 2, 0)]
    [InlineData("yarn:factor=1.5,original=4096", 1.5, 4096)]
    public void Scaling_is_parsed(string text, double factor, int original) =>
        RopeScaling.Parse(text).ShouldBe(new YarnScaling(factor, original));

    [Theory]
    [InlineData("")]
    [InlineData("yarn")]
    [InlineData("yarn:")]
    [InlineData("yarn:factor=0.5")]
    [InlineData("yarn:factor=NaN")]
    [InlineData("yarn:factor=2,original=-1")]
    [InlineData("yarn:original=8192")]
    [InlineData("linear:factor=2")]
    [InlineData("yarn:factor=2,beta=3")]
    public void A_scaling_that_is_not_understood_is_refused(string text) =>
        Should.Throw<FormatException>(() => RopeScaling.Parse(text)).Message.ShouldContain("yarn:factor=F");
}
