using Prescore.Attention;

namespace Prescore.Experiments;

/// <summary>One method of a comparison, as the user asked for it.</summary>
/// <param name="Text">The spec as it was given.</param>
/// <param name="Name">Short unique name for tables and plots.</param>
/// <param name="Attention">The method; its size is open where <see cref="Budget"/> is set.</param>
/// <param name="Budget">Budget to solve the method's size for; null where the size is explicit or the method has none.</param>
public sealed record MethodRequest(string Text, string Name, IAttention Attention, double? Budget)
{
    /// <summary>Parses the specs of a comparison; exact, the reference, comes first and is added where it is missing.</summary>
    /// <param name="specs">Specs in the method grammar.</param>
    /// <param name="budget">Wanted budget of the methods without an explicit size; null keeps their default sizes.</param>
    /// <exception cref="MethodSpecException">A spec cannot be understood.</exception>
    public static IReadOnlyList<MethodRequest> Parse(IEnumerable<string> specs, double? budget)
    {
        string[] all = [.. specs.Where(spec => spec != "exact").Prepend("exact").Distinct()];
        IAttention[] methods = [.. all.Select(AttentionMethods.Create)];
        string[] names = MethodNames.Of(all);
        return
        [
            .. methods.Select((method, i) => new MethodRequest(
                all[i], names[i], method, method is ISizedAttention { HasExplicitSize: false } ? budget : null)),
        ];
    }

    /// <summary>The method with its size solved for the budget where one is wanted, or else as it is.</summary>
    public IAttention Resolve(AttentionShape shape, bool causal) =>
        Budget is double budget && Attention is ISizedAttention sized
            ? BudgetSolver.Solve(sized, budget, shape, causal).Method
            : Attention;
}
