using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>Uniform random scores, a function of seed, layer, head and position: the baseline that a score must beat.</summary>
public sealed class RandomScorer : IKeyScorer
{
    /// <inheritdoc/>
    public string Name => "random";

    /// <inheritdoc/>
    public IFittedScorer Fit(in KeyMatrix keys, in ScoringContext context) => new Fitted(context.Seed, context.Layer, context.Head);

    private sealed class Fitted(ulong seed, int layer, int head) : IFittedScorer
    {
        public long IndexProducts => 0;

        public void Score(in KeyMatrix keys, int firstPosition, Span<float> scores)
        {
            var origin = new RandomOrigin(seed, layer, head, firstPosition);
            for (int i = 0; i < keys.Count; i++)
            {
                scores[i] = (float)origin.Uniform(RandomStream.RandomScore, i);
            }
        }
    }
}
