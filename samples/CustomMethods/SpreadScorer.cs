using Prescore.Numerics;
using Prescore.Scoring;

namespace CustomMethods;

/// <summary>Scores a key by how far its components spread: largest less smallest.</summary>
public sealed class SpreadScorer : IKeyScorer
{
    /// <inheritdoc/>
    public string Name => "spread";

    /// <inheritdoc/>
    public IFittedScorer Fit(in KeyMatrix keys, in ScoringContext context) => new Fitted();

    private sealed class Fitted : IFittedScorer
    {
        /// <summary>Nothing is fitted, and no key is multiplied with another.</summary>
        public long IndexProducts => 0;

        public void Score(in KeyMatrix keys, int firstPosition, Span<float> scores)
        {
            for (int i = 0; i < keys.Count; i++)
            {
                float smallest = keys[i][0], largest = smallest;
                foreach (float component in keys[i])
                {
                    (smallest, largest) = (Math.Min(smallest, component), Math.Max(largest, component));
                }
                scores[i] = largest / 2 - smallest / 2;
            }
        }
    }
}
