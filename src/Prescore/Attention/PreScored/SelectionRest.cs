namespace Prescore.Attention.PreScored;

/// <summary>What becomes of the keys around a selection that exact attention is computed on. The default: nothing.</summary>
/// <param name="Representatives">
/// Number of weighted representatives that stand for the ranked keys that were not selected, at least 0; 0 leaves them out.
/// </param>
/// <param name="Protected">Keys at the start that are always in where attention is not causal, at least 0.</param>
public readonly record struct SelectionRest(int Representatives = 0, int Protected = 0)
{
    /// <summary>Number of representatives where <c>rest=coreset</c> gives none.</summary>
    public const int DefaultRepresentatives = 64;
}
