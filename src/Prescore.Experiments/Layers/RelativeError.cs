using Prescore.Attention.Contracts;

namespace Prescore.Experiments.Layers;

/// <summary>
/// Relative error of attention outputs, √(Σₜ‖ôₜ − oₜ‖² / Σₜ‖oₜ‖²): of one head, or pooled over heads and layers.
/// </summary>
public readonly record struct RelativeError(double SquaredDifference, double SquaredReference)
{
    /// <summary>The error; 0 where both are all zero.</summary>
    public double Value => SquaredDifference == 0 ? 0 : Math.Sqrt(SquaredDifference / SquaredReference);

    /// <summary>Pools two sets of queries.</summary>
    public static RelativeError operator +(RelativeError left, RelativeError right) =>
        new(left.SquaredDifference + right.SquaredDifference, left.SquaredReference + right.SquaredReference);

    /// <summary>The error of some outputs.</summary>
    public static RelativeError Of(ReadOnlySpan<float> output, ReadOnlySpan<float> reference)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(output.Length, reference.Length);
        double difference = 0;
        double square = 0;
        for (int i = 0; i < output.Length; i++)
        {
            double delta = (double)output[i] - reference[i];
            difference += delta * delta;
            square += (double)reference[i] * reference[i];
        }
        return new RelativeError(difference, square);
    }

    /// <summary>The error of every query head, outputs dense heads-first.</summary>
    public static RelativeError[] ByHead(ReadOnlySpan<float> output, ReadOnlySpan<float> reference, AttentionShape shape)
    {
        int size = shape.Queries * shape.ValueDimension;
        var errors = new RelativeError[shape.QueryHeads];
        for (int head = 0; head < errors.Length; head++)
        {
            errors[head] = Of(output.Slice(head * size, size), reference.Slice(head * size, size));
        }
        return errors;
    }
}
