using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>
/// Scores by coverage: as many keys as will be selected are landmarks, and a key's score is minus its distance to the nearest
/// of them. The landmarks themselves score 0, above all others. What differs is how they are chosen.
/// </summary>
/// <param name="name">Name in the registry.</param>
/// <param name="choose">Chooses up to s of the keys fitted on.</param>
public sealed class LandmarkScorer(string name, LandmarkChoice choose) : IKeyScorer
{
    /// <inheritdoc/>
    public string Name => name;

    /// <inheritdoc/>
    public IFittedScorer Fit(in KeyMatrix keys, in ScoringContext context)
    {
        int[] chosen = choose(keys, Math.Clamp(context.Selected, 1, keys.Count), context, out long products);
        var landmarks = new float[chosen.Length * keys.Dimension];
        for (int i = 0; i < chosen.Length; i++)
        {
            keys[chosen[i]].CopyTo(landmarks.AsSpan(i * keys.Dimension));
        }
        return new Fitted(landmarks, keys.Dimension, products);
    }

    private sealed class Fitted(float[] landmarks, int dimension, long products) : IFittedScorer
    {
        public long IndexProducts { get; private set; } = products;

        public void Score(in KeyMatrix keys, int firstPosition, Span<float> scores)
        {
            for (int i = 0; i < keys.Count; i++)
            {
                float nearest = float.PositiveInfinity;
                for (int at = 0; at < landmarks.Length; at += dimension)
                {
                    nearest = Math.Min(nearest, ShortVectors.SquaredDistance(keys[i], landmarks.AsSpan(at, dimension)));
                }
                scores[i] = -MathF.Sqrt(nearest);
            }
            FiniteScores.Clamp(scores[..keys.Count]);
            IndexProducts += (long)keys.Count * (landmarks.Length / dimension);
        }
    }
}

/// <summary>Chooses landmarks among keys.</summary>
/// <param name="keys">Keys [n, d], n ≥ 1.</param>
/// <param name="count">How many are wanted, 1 … n.</param>
/// <param name="context">Seed, layer, head.</param>
/// <param name="products">Key-side products computed.</param>
/// <returns>Rows of at most <paramref name="count"/> keys, at least one.</returns>
public delegate int[] LandmarkChoice(in KeyMatrix keys, int count, in ScoringContext context, out long products);
