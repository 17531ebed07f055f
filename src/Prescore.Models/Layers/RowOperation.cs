namespace Prescore.Models.Layers;

/// <summary>What is done to every row of a tensor alike: a norm, or a scale. Immutable and safe to share between threads.</summary>
public abstract class RowOperation
{
    /// <summary>Length of a row.</summary>
    public abstract int Length { get; }

    /// <summary>Writes the result for one row; <paramref name="target"/> may be the row itself.</summary>
    public abstract void Apply(ReadOnlySpan<float> row, Span<float> target);
}
