namespace Prescore.Experiments.Advice;

/// <summary>The fastest method at a length among those whose measured error is small enough.</summary>
/// <param name="Best">The method.</param>
/// <param name="Passes">
/// Where exact is best: the length from which on the other method that passes it first, at the wanted error, is predicted
/// to be faster; null where none is.
/// </param>
public sealed record Recommendation(MethodCost Best, double? Passes)
{
    /// <summary>Chooses; exact meets any error, and wins ties.</summary>
    /// <param name="costs">Methods, exact first.</param>
    /// <param name="context">Length n.</param>
    /// <param name="error">Wanted relative error.</param>
    public static Recommendation Of(IReadOnlyList<MethodCost> costs, int context, double error)
    {
        MethodCost exact = costs[0];
        MethodCost[] good = [exact, .. costs.Skip(1).Where(cost => cost.RelativeError <= error)];
        MethodCost best = good.MinBy(cost => cost.Seconds.At(context))!;
        return new Recommendation(best, best == exact ? good.Skip(1).Min(cost => cost.Seconds.Passes(exact.Seconds)) : null);
    }
}
