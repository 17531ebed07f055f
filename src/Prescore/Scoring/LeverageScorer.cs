using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>
/// Leverage scores kᵀ(KᵀK)⁻¹k: how much of its own direction a key is. The keys are not centred. Where the fitted keys
/// do not span all directions (fewer keys than dimensions, duplicates, zeros) a ridge of 10⁻⁹·trace/d, far below what
/// shows in full-rank keys, takes the place of the inverse: fitted keys get the scores of the pseudo-inverse, and a
/// later key with a new direction a very high one. Keys that are all zero score 0.
/// </summary>
public sealed class LeverageScorer : IKeyScorer
{
    private const double RelativeRidge = 1e-9;

    /// <inheritdoc/>
    public string Name => "leverage";

    /// <inheritdoc/>
    public IFittedScorer Fit(in KeyMatrix keys, in ScoringContext context) => new GramScorer(keys, RelativeRidge, context.Simd);
}
