using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>The Euclidean length of the key. Nothing is fitted.</summary>
public sealed class NormScorer : IKeyScorer, IFittedScorer
{
    /// <inheritdoc/>
    public string Name => "norm";

    /// <inheritdoc/>
    public long IndexProducts => 0;

    /// <inheritdoc/>
    public IFittedScorer Fit(in KeyMatrix keys, in ScoringContext context) => this;

    /// <inheritdoc/>
    public void Score(in KeyMatrix keys, int firstPosition, Span<float> scores)
    {
        for (int i = 0; i < keys.Count; i++)
        {
            scores[i] = (float)KeyNorm.Of(keys[i]);
        }
        FiniteScores.Clamp(scores[..keys.Count]);
    }
}
