using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Specs;

namespace Prescore.Experiments;

/// <summary>One method of a comparison, as the user asked for it.</summary>
/// <param name="Text">The spec as it was given.</param>
/// <param name="Name">Short unique name for tables and plots.</param>
/// <param name="Attention">The method; its size is open where <see cref="Budget"/> is set.</param>
/// <param name="Budget">Budget to solve the method's size for, or to cap the method at; null where the size is explicit or the method has none.</param>
public sealed record MethodRequest(string Text, string Name, IAttention Attention, double? Budget)
{
    /// <summary>Parses the specs of a comparison; exact, the reference, comes first and is added where it is missing.</summary>
    /// <param name="specs">Specs in the method grammar.</param>
    /// <param name="budget">
    /// Budget the user wants of the methods without an explicit size (of those that cap themselves, the ones that nothing limits); null: none.
    /// </param>
    /// <param name="defaultBudget">
    /// Without it, that of the methods whose size alone sets their budget; null keeps their default sizes. Those that
    /// cap themselves find their own.
    /// </param>
    /// <exception cref="MethodSpecException">A spec cannot be understood.</exception>
    public static IReadOnlyList<MethodRequest> Parse(IEnumerable<string> specs, double? budget, double? defaultBudget = null)
    {
        string[] all = [.. specs.Where(spec => spec != "exact").Prepend("exact").Distinct()];
        IAttention[] methods = [.. all.Select(AttentionMethods.Create)];
        string[] names = MethodNames.Of(all);
        return
        [
            .. methods.Select((method, i) => new MethodRequest(all[i], names[i], method, method switch
            {
                ISizedAttention { HasExplicitSize: false } => budget ?? defaultBudget,
                IBudgetedAttention { IsLimited: false } => budget,
                _ => null,
            })),
        ];
    }

    /// <summary>The method with its size solved for the budget where one is wanted, or else as it is.</summary>
    /// <exception cref="BudgetException">The spec itself names a budget that the method cannot keep at this length.</exception>
    public IAttention Resolve(AttentionShape shape, bool causal)
    {
        switch (Attention)
        {
            case ISizedAttention sized when Budget is double budget:
                return BudgetSolver.Solve(sized, budget, shape, causal).Method;
            case IBudgetedAttention capped when Budget is double budget:
                return BudgetSolver.Cap(capped, budget, shape, causal);
            case IBudgetedAttention capped:
                capped.RequireBudget(shape, causal);
                return capped;
            default:
                return Attention;
        }
    }
}
