using System.Numerics.Tensors;

namespace Prescore.Models.Layers;

/// <summary>A factor an element on the output of a residual branch (Touvron et al., arXiv 2103.17239).</summary>
/// <param name="weight">One factor an element.</param>
public sealed class LayerScale(float[] weight) : RowOperation
{
    /// <inheritdoc/>
    public override int Length => weight.Length;

    /// <inheritdoc/>
    public override void Apply(ReadOnlySpan<float> row, Span<float> target) => TensorPrimitives.Multiply(row, weight, target);
}
