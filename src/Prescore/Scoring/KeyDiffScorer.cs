using System.Numerics.Tensors;

namespace Prescore.Scoring;

/// <summary>
/// Minus the cosine of the key to the mean of the unit keys (KeyDiff, arXiv 2504.15364): keys unlike the others first.
/// A zero key, or any key where the unit keys cancel out, scores 0.
/// </summary>
public sealed class KeyDiffScorer : IKeyScorer
{
    /// <inheritdoc/>
    public string Name => "keydiff";

    /// <inheritdoc/>
    public IFittedScorer Fit(in KeyMatrix keys, in ScoringContext context) => new Fitted(keys);

    private sealed class Fitted : IFittedScorer
    {
        private readonly float[] _direction;

        public Fitted(in KeyMatrix keys)
        {
            var sum = new double[keys.Dimension];
            for (int i = 0; i < keys.Count; i++)
            {
                ReadOnlySpan<float> key = keys[i];
                double norm = KeyNorm.Of(key);
                double inverse = norm > 0 ? 1 / norm : 0;
                for (int l = 0; l < key.Length; l++)
                {
                    sum[l] += key[l] * inverse;
                }
            }
            double length = TensorPrimitives.Norm<double>(sum);
            _direction = new float[keys.Dimension];
            for (int l = 0; l < sum.Length && length > 0; l++)
            {
                _direction[l] = (float)(sum[l] / length);
            }
        }

        public long IndexProducts { get; private set; }

        public void Score(in KeyMatrix keys, int firstPosition, Span<float> scores)
        {
            for (int i = 0; i < keys.Count; i++)
            {
                scores[i] = -Cosine(keys[i]);
            }
            IndexProducts += keys.Count;
        }

        private float Cosine(ReadOnlySpan<float> key)
        {
            float norm = TensorPrimitives.Norm(key);
            if (KeyNorm.IsSafe(norm))
            {
                return TensorPrimitives.Dot(key, _direction) / norm;
            }
            double length = KeyNorm.Of(key);
            return length > 0 ? (float)(KeyNorm.InDouble(key, _direction) / length) : 0;
        }
    }
}
