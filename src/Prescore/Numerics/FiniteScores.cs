using System.Numerics.Tensors;

namespace Prescore.Numerics;

/// <summary>Keeps scores finite where extreme keys overflow single precision.</summary>
internal static class FiniteScores
{
    /// <summary>
    /// Replaces +∞ and NaN by the largest finite number and −∞ by the lowest. NaN arises as ∞ − ∞ inside a product of
    /// a key too large for the fitted scale: it ranks like the overflow that it is.
    /// </summary>
    public static void Clamp(Span<float> scores)
    {
        if (TensorPrimitives.IsFiniteAll<float>(scores))
        {
            return;
        }
        foreach (ref float score in scores)
        {
            score = float.IsNegativeInfinity(score) ? float.MinValue : float.IsFinite(score) ? score : float.MaxValue;
        }
    }

    /// <summary>The nearest finite single-precision number.</summary>
    public static float From(double score) => (float)Math.Clamp(score, float.MinValue, float.MaxValue);
}
