namespace Prescore.Attention.Core;

/// <summary>Where the rows of a <see cref="QueryBlock"/> lie.</summary>
internal readonly unsafe struct RowStates
{
    /// <summary>Scaled queries.</summary>
    public required float* Queries { get; init; }

    /// <summary>Floats from one query to the next.</summary>
    public required nint QueryStride { get; init; }

    /// <summary>Outputs, not yet divided by the sums; whole panels.</summary>
    public required float* Outputs { get; init; }

    /// <summary>Floats from one output to the next.</summary>
    public required nint OutputStride { get; init; }

    /// <summary>Running maximum of each row.</summary>
    public required float* Maxima { get; init; }

    /// <summary>Sum of e^(logit − maximum) of each row.</summary>
    public required float* Sums { get; init; }
}
