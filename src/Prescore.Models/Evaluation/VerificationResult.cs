namespace Prescore.Models.Evaluation;

/// <summary>What a verification compared.</summary>
/// <param name="Arrays">One entry a compared array, in the order of the file.</param>
/// <param name="Ignored">Names of arrays in the file that are no known reference and were not compared.</param>
public sealed record VerificationResult(IReadOnlyList<ArrayComparison> Arrays, IReadOnlyList<string> Ignored)
{
    /// <summary>Whether every array passed.</summary>
    public bool Passed => Arrays.All(array => array.Passed);
}
