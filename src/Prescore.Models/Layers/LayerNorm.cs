using System.Numerics.Tensors;

namespace Prescore.Models.Layers;

/// <summary>
/// Layer normalisation (Ba et al., arXiv 1607.06450): (row − mean) / √(variance + ε) · weight + bias, with the variance over
/// all elements (n in the denominator).
/// </summary>
/// <param name="weight">One factor an element.</param>
/// <param name="bias">One term an element.</param>
/// <param name="epsilon">ε.</param>
public sealed class LayerNorm(float[] weight, float[] bias, float epsilon) : RowOperation
{
    /// <inheritdoc/>
    public override int Length => weight.Length;

    /// <inheritdoc/>
    public override void Apply(ReadOnlySpan<float> row, Span<float> target)
    {
        TensorPrimitives.Subtract(row, TensorPrimitives.Sum(row) / row.Length, target);
        float factor = 1 / MathF.Sqrt(TensorPrimitives.SumOfSquares<float>(target) / row.Length + epsilon);
        TensorPrimitives.Multiply(target, factor, target);
        TensorPrimitives.MultiplyAdd(target, weight, bias, target);
    }
}
