namespace Prescore.Models.Evaluation;

/// <summary>How far an array is from its reference.</summary>
/// <param name="Name">Name of the reference array.</param>
/// <param name="Values">Number of values compared.</param>
/// <param name="MaxDifference">Largest absolute difference; +∞ where a value is not a number.</param>
/// <param name="MeanDifference">Mean absolute difference.</param>
/// <param name="Bound">Largest absolute difference that passes.</param>
/// <param name="FirstMismatch">Place and values of the first difference beyond the bound; null where there is none.</param>
public sealed record ArrayComparison(string Name, long Values, double MaxDifference, double MeanDifference, double Bound, string? FirstMismatch)
{
    /// <summary>Whether every difference is within the bound.</summary>
    public bool Passed => FirstMismatch is null;
}
