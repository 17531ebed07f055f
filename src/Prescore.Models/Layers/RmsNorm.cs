using System.Numerics.Tensors;

namespace Prescore.Models.Layers;

/// <summary>Root-mean-square normalisation (Zhang and Sennrich, arXiv 1910.07467): row / √(mean(row²) + ε) · weight.</summary>
/// <param name="weight">One factor an element.</param>
/// <param name="epsilon">ε.</param>
public sealed class RmsNorm(float[] weight, float epsilon) : RowOperation
{
    /// <inheritdoc/>
    public override int Length => weight.Length;

    /// <inheritdoc/>
    public override void Apply(ReadOnlySpan<float> row, Span<float> target)
    {
        float factor = 1 / MathF.Sqrt(TensorPrimitives.SumOfSquares(row) / row.Length + epsilon);
        TensorPrimitives.Multiply(row, factor, target);
        TensorPrimitives.Multiply(target, weight, target);
    }
}
