namespace Prescore.Attention.Contracts;

/// <summary>A method that keeps its interactions below a budget, whatever else limits them.</summary>
public interface IBudgetedAttention : IAttention
{
    /// <summary>Whether the method's settings already limit it: a wanted budget then does not change it.</summary>
    bool IsLimited { get; }

    /// <summary>The same method with a budget.</summary>
    /// <param name="budget">Largest part of exact's interactions, above 0 and at most 1.</param>
    IBudgetedAttention WithBudget(double budget);

    /// <summary>Refuses a budget that the method cannot keep.</summary>
    /// <exception cref="BudgetException">The budget is below the method's floor for this shape.</exception>
    void RequireBudget(AttentionShape shape, bool causal);
}
