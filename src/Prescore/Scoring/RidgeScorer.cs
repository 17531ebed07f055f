using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>Ridge leverage scores kᵀ(KᵀK + λI)⁻¹k with λ = 0.1·trace(KᵀK)/d: directions that few keys use count less.</summary>
public sealed class RidgeScorer : IKeyScorer
{
    private const double RelativeRidge = 0.1;

    /// <inheritdoc/>
    public string Name => "ridge";

    /// <inheritdoc/>
    public IFittedScorer Fit(in KeyMatrix keys, in ScoringContext context) => new GramScorer(keys, RelativeRidge, context.Simd);
}
