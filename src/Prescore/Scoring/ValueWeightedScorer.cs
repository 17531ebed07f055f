using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>
/// Another scorer's scores, none of which is negative, times ‖v‖: a key moves a query's output by its weight times its value
/// (Guo et al., arXiv 2406.12335).
/// </summary>
/// <param name="name">Name in the registry.</param>
/// <param name="scorer">The other scorer.</param>
public sealed class ValueWeightedScorer(string name, IKeyScorer scorer) : IKeyScorer
{
    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public ScorerNeeds Needs => scorer.Needs | ScorerNeeds.Values;

    /// <inheritdoc/>
    public IFittedScorer Fit(in KeyMatrix keys, in ScoringContext context) => new Fitted(scorer.Fit(keys, context));

    private sealed class Fitted(IFittedScorer weights) : IFittedScorer
    {
        public long IndexProducts => weights.IndexProducts;

        public void Score(in KeyMatrix keys, int firstPosition, Span<float> scores) =>
            throw new NotSupportedException("keys alone have no values to be weighted by");

        public void Score(in KeyMatrix keys, in ScoringContext context, Span<float> scores)
        {
            KeyMatrix values = context.Values;
            ArgumentOutOfRangeException.ThrowIfNotEqual(values.Count, keys.Count, nameof(context));
            weights.Score(keys, context, scores);
            for (int i = 0; i < keys.Count; i++)
            {
                scores[i] *= (float)KeyNorm.Of(values[i]);
            }
            FiniteScores.Clamp(scores[..keys.Count]);
        }

        public void Dispose() => weights.Dispose();
    }
}
