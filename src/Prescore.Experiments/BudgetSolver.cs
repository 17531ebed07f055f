using Prescore.Attention.Contracts;

namespace Prescore.Experiments;

/// <summary>A method whose size was chosen for a budget.</summary>
/// <param name="Method">The method with that size.</param>
/// <param name="Budget">The budget it will have: its interactions ÷ exact's.</param>
public sealed record SolvedMethod(ISizedAttention Method, double Budget);

/// <summary>
/// Solves a method's own size parameter (window <c>w</c>, prescored <c>s</c>, hyper <c>sample</c>) for a wanted budget.
/// </summary>
/// <remarks>
/// The count is the method's own, the very one its report gives after running, and grows with the size, so that a
/// bisection over whole numbers finds the nearest size without computing any attention.
/// </remarks>
public static class BudgetSolver
{
    /// <summary>How far a measured budget may lie from the wanted one before its row is marked.</summary>
    public const double Tolerance = 0.005;

    /// <summary>Finds the size whose budget comes closest to the wanted one; of two equally close, the smaller.</summary>
    /// <param name="method">Method whose size is to be chosen.</param>
    /// <param name="budget">Wanted budget, above 0 and at most 1.</param>
    /// <param name="shape">Shape of the attention, the same in all layers.</param>
    /// <param name="causal">Whether attention is causal.</param>
    /// <exception cref="ArgumentOutOfRangeException">The budget is outside (0, 1].</exception>
    public static SolvedMethod Solve(ISizedAttention method, double budget, AttentionShape shape, bool causal)
    {
        if (!(budget > 0 && budget <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(budget), budget, "a budget is above 0 and at most 1");
        }
        double exact = shape.ExactInteractions(causal);
        double BudgetOf(int size) => method.WithSize(size).CountInteractions(shape, causal) / exact;

        int low = 1;
        int high = Math.Max(1, shape.Keys);
        while (low < high)
        {
            int middle = low + (high - low) / 2;
            if (BudgetOf(middle) < budget)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }
        double found = BudgetOf(low);
        if (low > 1 && BudgetOf(low - 1) is double below && budget - below <= found - budget)
        {
            (low, found) = (low - 1, below);
        }
        return new SolvedMethod(method.WithSize(low), found);
    }

    /// <summary>
    /// A method that caps itself, with a budget: the wanted one, or the smallest that it can keep at this length where that
    /// is more. It spends the budget where nothing else limits it, and so needs no bisection.
    /// </summary>
    /// <param name="method">The method.</param>
    /// <param name="budget">Wanted budget, above 0 and at most 1.</param>
    /// <param name="shape">Shape of the attention, the same in all layers.</param>
    /// <param name="causal">Whether attention is causal.</param>
    public static IBudgetedAttention Cap(IBudgetedAttention method, double budget, AttentionShape shape, bool causal)
    {
        IBudgetedAttention capped = method.WithBudget(budget);
        try
        {
            capped.RequireBudget(shape, causal);
            return capped;
        }
        catch (BudgetException exception)
        {
            return method.WithBudget(Math.Min(1, Math.Ceiling(exception.Floor * 1e4) / 1e4));
        }
    }

    /// <summary>Whether a measured budget meets the wanted one.</summary>
    public static bool Meets(double measured, double wanted) => Math.Abs(measured - wanted) <= Tolerance;
}
