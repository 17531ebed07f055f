namespace Prescore.Attention.Clustered;

/// <summary>What one probe query of one head showed.</summary>
/// <param name="Position">Absolute position of the query.</param>
/// <param name="Head">Query head.</param>
/// <param name="SquaredErrors">‖ô − o‖² at every step of <see cref="EffortLadder"/>.</param>
/// <param name="SquaredNorm">‖o‖².</param>
/// <param name="EffortInUse">The p that the other queries of its block used: chosen before this probe was seen.</param>
/// <param name="SquaredErrorInUse">‖ô − o‖² at that p.</param>
internal sealed record ProbeRecord(
    int Position, int Head, float[] SquaredErrors, double SquaredNorm, int EffortInUse, double SquaredErrorInUse);
