using CsCheck;
using Prescore.Generation.Sampling;

namespace Prescore.Tests.Generation;

public class SamplerTests
{
    private static readonly Gen<float[]> Logits = Gen.Float[-8, 8].Array[1, 60];

    [Fact]
    public void Without_temperature_the_likeliest_token_is_taken_of_equal_ones_the_lower() =>
        new Sampler(new SamplingOptions()).Next([1, 3, 2, 3], []).ShouldBe(1);

    [Fact]
    public void Seed_and_position_alone_decide() => Gen.Select(Logits, Gen.ULong, Gen.Int[0, 20]).Sample((logits, seed, length) =>
    {
        var options = new SamplingOptions { Temperature = 1.3, TopP = 0.9, Seed = seed };
        int[] tokens = new int[length];
        int once = new Sampler(options).Next([.. logits], tokens);
        var used = new Sampler(options);
        used.Next([.. logits.Reverse()], [0]);
        used.Next([.. logits], tokens).ShouldBe(once);
    });

    [Fact]
    public void Draws_come_from_what_the_filters_leave() =>
        Gen.Select(Logits, Gen.Double[0.2, 2], Gen.Int[0, 10], Gen.Double[0.05, 1], Gen.Double[0, 0.5]).Sample((logits, temperature, topK, topP, minP) =>
        {
            var options = new SamplingOptions { Temperature = temperature, TopK = topK, TopP = topP, MinP = minP };
            HashSet<int> allowed = Allowed(logits, options);
            for (ulong seed = 0; seed < 5; seed++)
            {
                allowed.ShouldContain(new Sampler(options with { Seed = seed }).Next([.. logits], []));
            }
        });

    [Fact]
    public void Frequencies_are_the_models_probabilities()
    {
        float[] logits = [0, MathF.Log(2), MathF.Log(5)];
        int[] counts = new int[3];
        for (ulong seed = 0; seed < 8000; seed++)
        {
            counts[new Sampler(new SamplingOptions { Temperature = 1, Seed = seed }).Next([.. logits], [])]++;
        }
        counts[0].ShouldBeInRange(850, 1150);
        counts[1].ShouldBeInRange(1800, 2200);
    }

    [Fact]
    public void A_token_that_occurred_is_less_likely_within_the_window()
    {
        var options = new SamplingOptions { RepetitionPenalty = 2, RepetitionWindow = 2 };
        new Sampler(options).Next([3, 2, -1], [0, 1, 2]).ShouldBe(0);
        new Sampler(options).Next([3, 2, -1], [1, 2, 0]).ShouldBe(1);
        new Sampler(options).Next([-1, -1.5f], [1, 0]).ShouldBe(0);
    }

    [Fact]
    public void Options_out_of_range_and_broken_logits_are_refused()
    {
        Should.Throw<ArgumentOutOfRangeException>(() => new Sampler(new SamplingOptions { Temperature = -1 }));
        Should.Throw<ArgumentOutOfRangeException>(() => new Sampler(new SamplingOptions { TopP = 0 }));
        Should.Throw<ArgumentOutOfRangeException>(() => new Sampler(new SamplingOptions { RepetitionPenalty = 0 }));
        Should.Throw<ArgumentException>(() => new Sampler(new SamplingOptions()).Next([1, float.NaN], []));
        Should.Throw<ArgumentException>(() => new Sampler(new SamplingOptions()).Next([], []));
    }

    /// <summary>The definition, with a little room for rounding at the borders.</summary>
    private static HashSet<int> Allowed(float[] logits, SamplingOptions options)
    {
        double largest = logits.Max();
        var all = logits.Select((logit, id) => (Id: id, P: Math.Exp((logit - largest) / options.Temperature))).OrderByDescending(token => token.P).ToList();
        var kept = all.Take(options.TopK == 0 ? all.Count : options.TopK).ToList();
        double total = kept.Sum(token => token.P), sum = 0;
        var nucleus = kept.TakeWhile(token =>
        {
            bool needed = sum < (options.TopP + 1e-5) * total;
            sum += token.P;
            return needed;
        }).ToList();
        double least = (options.MinP - 1e-5) * nucleus[0].P;
        // In single precision tokens may tie with the last one of the nucleus that do not here.
        double border = Math.Max(least, nucleus[^1].P * (1 - 1e-5));
        return [.. all.Where(token => token.P >= border).Select(token => token.Id), .. all.Where(token => token.P == all[0].P).Select(token => token.Id)];
    }
}
