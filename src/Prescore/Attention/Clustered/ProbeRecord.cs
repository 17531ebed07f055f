namespace Prescore.Attention.Clustered;

/// <summary>What one probe query of one head showed.</summary>
/// <param name="Position">Absolute position of the query.</param>
/// <param name="Head">Query head.</param>
/// <param name="SquaredErrors">‖ô − o‖² at every step of <see cref="EffortLadder"/>.</param>
/// <param name="Members">Members at every step.</param>
/// <param name="Far">Far keys of the query.</param>
/// <param name="SquaredNorm">‖o‖².</param>
/// <param name="Blocks">Blocks that it stands for: its own and those since the last with probes, which had the same step.</param>
/// <param name="EffortInUse">The step that the other queries of its block used: chosen before this probe was seen.</param>
internal sealed record ProbeRecord(
    int Position, int Head, float[] SquaredErrors, int[] Members, int Far, double SquaredNorm, int Blocks, int EffortInUse)
{
    /// <summary>‖ô − o‖² at the step in use; 0 where that is exact.</summary>
    public double SquaredErrorInUse => EffortInUse == EffortLadder.Exact ? 0 : SquaredErrors[EffortInUse];
}
