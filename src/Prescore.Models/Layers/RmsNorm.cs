using System.Numerics.Tensors;

namespace Prescore.Models.Layers;

/// <summary>Root-mean-square normalisation (Zhang and Sennrich, arXiv 1910.07467).</summary>
internal static class RmsNorm
{
    /// <summary>target = row / √(mean(row²) + ε) · weight.</summary>
    public static void Apply(ReadOnlySpan<float> row, ReadOnlySpan<float> weight, float epsilon, Span<float> target)
    {
        float factor = 1 / MathF.Sqrt(TensorPrimitives.SumOfSquares(row) / row.Length + epsilon);
        TensorPrimitives.Multiply(row, factor, target);
        TensorPrimitives.Multiply(target, weight, target);
    }
}
