using System.Numerics.Tensors;
using Prescore.Kernels;
using Prescore.Numerics;

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
            var unit = new float[keys.Dimension];
            for (int i = 0; i < keys.Count; i++)
            {
                Normalize(keys[i], unit);
                ShortVectors.AddTo(unit, sum);
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
            float squared = ShortVectors.SumOfSquares(key);
            if (KeyNorm.IsSafe(squared))
            {
                return ShortVectors.Dot(key, _direction) / MathF.Sqrt(squared);
            }
            double length = KeyNorm.Of(key);
            return length > 0 ? (float)(ShortVectors.DotInDouble(key, _direction) / length) : 0;
        }

        private static void Normalize(ReadOnlySpan<float> key, Span<float> unit)
        {
            double length = KeyNorm.Of(key);
            double inverse = length > 0 ? 1 / length : 0;
            if (inverse < float.MaxValue)
            {
                TensorPrimitives.Multiply(key, (float)inverse, unit);
                return;
            }
            for (int l = 0; l < key.Length; l++)
            {
                unit[l] = (float)(key[l] * inverse);
            }
        }
    }
}
