using Prescore.Kernels;
using Prescore.Models.Layers;

namespace Prescore.Tests.Layers;

/// <summary>Layers against plain computations in doubles.</summary>
public class LayerTests
{
    [Theory]
    [InlineData(Activation.Silu)]
    [InlineData(Activation.Gelu)]
    [InlineData(Activation.GeluTanh)]
    public void Activations_equal_their_formulas(Activation activation)
    {
        foreach (int length in new[] { 1, 7, 256, 257, 1000 })
        {
            float[] values = [.. Enumerable.Range(0, length).Select(i => 24f * i / length - 12)];
            float[] actual = [.. values];

            Activations.Apply(activation, actual);

            for (int i = 0; i < length; i++)
            {
                ((double)actual[i]).ShouldBe(Formula(activation, values[i]), 5e-7 * Math.Max(1, Math.Abs(values[i])));
            }
        }
    }

    [Fact]
    public void Gates_equal_their_formula()
    {
        foreach (int length in new[] { 0, 1, 7, 16, 257, 1000 })
        {
            float[] gate = [.. Enumerable.Range(0, length).Select(i => 200f * i / length - 100)], up = [.. Enumerable.Range(0, length + 1).Select(i => 3 - i % 7f)];
            float[] actual = [.. gate];

            SwiGlu.Apply(actual, up);

            for (int i = 0; i < length; i++)
            {
                double expected = gate[i] / (1 + Math.Exp(-gate[i])) * up[i];
                ((double)actual[i]).ShouldBe(expected, 1e-6 * Math.Abs(expected) + 1e-35);
            }
        }
        float[] strange = [.. Enumerable.Repeat(float.NaN, 20), float.PositiveInfinity, float.NegativeInfinity];
        SwiGlu.Apply(strange, [.. Enumerable.Repeat(1f, strange.Length)]);
        strange[..20].ShouldAllBe(value => float.IsNaN(value));
        strange[20].ShouldBe(float.PositiveInfinity);
        Should.Throw<ArgumentException>(() => SwiGlu.Apply(new float[2], new float[1]));
    }

    [Fact]
    public void The_tails_of_the_normal_distribution_are_computed_not_subtracted()
    {
        float[] values = [-5, -4, -3];
        Activations.Apply(Activation.Gelu, values);
        // x · Φ(x) from tables.
        ((double)values[0]).ShouldBe(-5 * 2.866516e-7, 1e-8);
        ((double)values[1]).ShouldBe(-4 * 3.167124e-5, 1e-7);
        ((double)values[2]).ShouldBe(-3 * 1.349898e-3, 1e-6);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(64)]
    [InlineData(67)]
    public void Norms_equal_their_formulas_also_in_place(int length)
    {
        var random = new Random(length);
        float[] row = Values(random, length), weight = Values(random, length), bias = Values(random, length);
        double mean = row.Average(x => (double)x), squares = row.Average(x => (double)x * x), variance = row.Average(x => (x - mean) * (x - mean));
        float[] rms = new float[length], layer = [.. row], scaled = new float[length];

        new RmsNorm(weight, 1e-3f).Apply(row, rms);
        new LayerNorm(weight, bias, 1e-3f).Apply(layer, layer);
        new LayerScale(weight).Apply(row, scaled);

        for (int i = 0; i < length; i++)
        {
            ((double)rms[i]).ShouldBe(row[i] / Math.Sqrt(squares + 1e-3) * weight[i], 1e-5);
            ((double)layer[i]).ShouldBe((row[i] - mean) / Math.Sqrt(variance + 1e-3) * weight[i] + bias[i], 1e-4);
            scaled[i].ShouldBe(row[i] * weight[i]);
        }
    }

    [Theory]
    [InlineData(true, 3)]
    [InlineData(false, 3)]
    [InlineData(true, 40)]
    [InlineData(false, 40)]
    public void Feed_forward_layers_equal_plain_products(bool gated, int rows)
    {
        const int Hidden = 13, Inner = 21;
        var random = new Random(rows);
        int width = gated ? 2 * Inner : Inner;
        float[] up = Values(random, width * Hidden), upBias = Values(random, width), down = Values(random, Hidden * Inner), downBias = Values(random, Hidden);
        float[] input = Values(random, rows * Hidden), output = new float[rows * Hidden];
        using var layer = new FeedForward(
            new Linear(PackedMatrix.Pack(up, width, Hidden, SimdPaths.Best), upBias), Activation.Silu, new Linear(PackedMatrix.Pack(down, Hidden, Inner, SimdPaths.Best), downBias));

        layer.Apply(input, rows, new float[rows * layer.InnerWidth], output, threads: 2);

        for (int row = 0; row < rows; row++)
        {
            double[] inner = Product(up, upBias, [.. input.Skip(row * Hidden).Take(Hidden).Select(x => (double)x)]);
            double[] active = [.. Enumerable.Range(0, Inner).Select(i => Formula(Activation.Silu, inner[i]) * (gated ? inner[Inner + i] : 1))];
            double[] expected = Product(down, downBias, active);
            for (int i = 0; i < Hidden; i++)
            {
                ((double)output[row * Hidden + i]).ShouldBe(expected[i], 1e-5);
            }
        }
    }

    [Fact]
    public void Embeddings_are_scaled_and_positions_added()
    {
        var embedding = new TokenEmbedding
        {
            VocabularySize = 5,
            HiddenSize = 3,
            Tokens = (row, values) => values.Fill(row),
            Scale = 2,
            Positions = (row, values) => values.Fill(100 * row),
        };
        var hidden = new float[6];

        embedding.Apply([4, 1], position: 7, hidden);

        hidden.ShouldBe([708, 708, 708, 802, 802, 802]);
        Should.Throw<ArgumentException>(() => embedding.Apply([0, 5], 0, new float[6])).Message.ShouldContain("token 5 at index 1");
    }

    private static double Formula(Activation activation, double x) => activation switch
    {
        Activation.Silu => x / (1 + Math.Exp(-x)),
        Activation.GeluTanh => 0.5 * x * (1 + Math.Tanh(Math.Sqrt(2 / Math.PI) * (x + 0.044715 * x * x * x))),
        _ => x * NormalDistribution(x),
    };

    /// <summary>Φ by Simpson's rule from 0.</summary>
    private static double NormalDistribution(double x)
    {
        const int Steps = 2000;
        double h = x / Steps, sum = 0;
        for (int i = 0; i <= Steps; i++)
        {
            sum += Math.Exp(-0.5 * i * h * i * h) * (i is 0 or Steps ? 1 : i % 2 == 0 ? 2 : 4);
        }
        return 0.5 + sum * h / 3 / Math.Sqrt(2 * Math.PI);
    }

    private static double[] Product(float[] matrix, float[] bias, double[] x) =>
        [.. bias.Select((b, row) => b + x.Select((value, column) => value * matrix[row * x.Length + column]).Sum())];

    private static float[] Values(Random random, int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() - 0.5f)];
}
