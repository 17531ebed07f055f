using System.Numerics.Tensors;
using Prescore.Numerics;

namespace Prescore.Generation.Sampling;

/// <summary>
/// Chooses next tokens. The random number of a token is a function of seed and position alone, so a text does not depend
/// on how often or in which order it was asked for. Keeps buffers: belongs to one thread.
/// </summary>
public sealed class Sampler
{
    private readonly SamplingOptions _options;
    private readonly TokenCandidates _candidates = new();

    /// <summary>Creates a sampler.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of range.</exception>
    public Sampler(SamplingOptions options)
    {
        options.Validate();
        _options = options;
    }

    /// <summary>The token that follows.</summary>
    /// <param name="logits">Logits of the whole vocabulary; overwritten.</param>
    /// <param name="tokens">All tokens so far.</param>
    /// <returns>A token id; of equal ones the lower.</returns>
    /// <exception cref="ArgumentException">The logits hold NaN.</exception>
    public int Next(Span<float> logits, ReadOnlySpan<int> tokens)
    {
        RepetitionPenalty.Apply(logits, tokens[^Math.Min(tokens.Length, _options.RepetitionWindow)..], _options.RepetitionPenalty);
        int best = TensorPrimitives.IndexOfMax<float>(logits);
        if (best < 0 || float.IsNaN(logits[best]))
        {
            throw new ArgumentException("there are no logits, or they hold NaN", nameof(logits));
        }
        if (_options.Temperature == 0)
        {
            return best;
        }
        // e^((x − max)/T), which sum to 1 after the division.
        TensorPrimitives.Subtract(logits, logits[best], logits);
        TensorPrimitives.Divide(logits, (float)_options.Temperature, logits);
        TensorPrimitives.Exp<float>(logits, logits);
        TensorPrimitives.Divide(logits, TensorPrimitives.Sum<float>(logits), logits);
        _candidates.Keep(logits, _options);
        return _candidates.Draw(CounterRandom.Uniform(CounterRandom.Hash(_options.Seed, 0, 0, tokens.Length, RandomStream.Sampling)));
    }
}
