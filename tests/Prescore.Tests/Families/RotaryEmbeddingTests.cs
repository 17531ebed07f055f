using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;
using Prescore.Models.Layers;

namespace Prescore.Tests.Families;

public class RotaryEmbeddingTests
{
    private static readonly RotarySettings SmolLm = new(100000, 64, RotaryPairing.Interleaved, 8192);

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

        RotaryEmbedding rotary = RotaryEmbedding.Create(SmolLm, divisors);

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
    public void Pairs_turn_by_position_times_frequency(int dimension, int rotated)
    {
        foreach (RotaryPairing pairing in Enum.GetValues<RotaryPairing>())
        {
            var random = new Random(dimension);
            float[] frequencies = [.. Enumerable.Range(0, rotated / 2).Select(_ => random.NextSingle())];
            const float Factor = 1.25f;
            const int Position = 100_003;
            float[] head = [.. Enumerable.Range(0, dimension).Select(_ => random.NextSingle() - 0.5f)];
            float[] turned = [.. head];
            var cosines = new float[rotated];
            var sines = new float[rotated];

            var rotary = new RotaryEmbedding(frequencies, pairing, Factor);
            rotary.Angles(Position, cosines, sines);
            rotary.Rotate(turned, cosines, sines);

            for (int pair = 0; pair < rotated / 2; pair++)
            {
                (int first, int second) = pairing == RotaryPairing.Half ? (pair, pair + rotated / 2) : (2 * pair, 2 * pair + 1);
                double angle = Position * frequencies[pair]; // rounded to fp32, as in training
                double x = head[first], y = head[second];
                ((double)turned[first]).ShouldBe(Factor * (x * Math.Cos(angle) - y * Math.Sin(angle)), 1e-6);
                ((double)turned[second]).ShouldBe(Factor * (x * Math.Sin(angle) + y * Math.Cos(angle)), 1e-6);
            }
            turned[rotated..].ShouldBe(head[rotated..]);
        }
    }

    [Fact]
    public void Interpolation_divides_every_frequency_and_NTK_the_slow_ones()
    {
        RotaryEmbedding plain = RotaryEmbedding.Create(SmolLm, []);
        RotaryEmbedding linear = RotaryEmbedding.Create(SmolLm, [], new LinearScaling(4));
        RotaryEmbedding ntk = RotaryEmbedding.Create(SmolLm, [], new NtkScaling(4));
        RotaryEmbedding both = RotaryEmbedding.Create(SmolLm, [], new LinearScaling(2), new LinearScaling(2));

        double ntkBase = SmolLm.Base * Math.Pow(4, 64 / 62.0);
        for (int pair = 0; pair < 32; pair++)
        {
            double frequency = plain.Frequencies[pair];
            ((double)linear.Frequencies[pair]).ShouldBe(frequency / 4, 1e-6 * frequency);
            ((double)both.Frequencies[pair]).ShouldBe(frequency / 4, 1e-6 * frequency);
            ((double)ntk.Frequencies[pair]).ShouldBe(Math.Pow(ntkBase, -pair / 32.0), 1e-6 * frequency);
        }
        ntk.Frequencies[0].ShouldBe(1);
        ((double)ntk.Frequencies[31]).ShouldBe(plain.Frequencies[31] / 4, 1e-6 * plain.Frequencies[31]);
        linear.AttentionFactor.ShouldBe(1);
    }

    public static TheoryData<string, RopeScaling> Scalings => new()
    {
        { "yarn:factor=2", new YarnScaling(2) },
        { "yarn:factor=1.5,original=4096", new YarnScaling(1.5, 4096) },
        { "linear:factor=2", new LinearScaling(2) },
        { "ntk:factor=8", new NtkScaling(8) },
    };

    [Theory]
    [MemberData(nameof(Scalings))]
    public void Scaling_is_parsed(string text, RopeScaling scaling) => RopeScaling.Parse(text).ShouldBe(scaling);

    [Theory]
    [InlineData("")]
    [InlineData("yarn")]
    [InlineData("yarn:")]
    [InlineData("yarn:factor=0.5")]
    [InlineData("yarn:factor=NaN")]
    [InlineData("yarn:factor=2,factor=3")]
    [InlineData("yarn:factor=2,original=-1")]
    [InlineData("yarn:original=8192")]
    [InlineData("linear:factor=2,original=8192")]
    [InlineData("dynamic:factor=2")]
    [InlineData("yarn:factor=2,beta=3")]
    public void A_scaling_that_is_not_understood_is_refused(string text) =>
        Should.Throw<FormatException>(() => RopeScaling.Parse(text)).Message.ShouldContain("yarn:factor=F");
}
