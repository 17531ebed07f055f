using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Advice;

/// <summary>What a method costs by length, from measured rows.</summary>
/// <param name="Spec">The method.</param>
/// <param name="Seconds">Time of the attention of all layers.</param>
/// <param name="Budget">Interactions ÷ exact's.</param>
/// <param name="RelativeError">Relative error measured at the longest length: the nearest to what is asked.</param>
public sealed record MethodCost(string Spec, PowerLaw Seconds, PowerLaw Budget, double RelativeError)
{
    /// <summary>The least that exact attention's time grows: between short lengths fixed costs hide some of it.</summary>
    private const double ExactExponent = 2;

    /// <summary>
    /// The least that Clustered's time and budget are taken to grow. Between short lengths both grow more slowly, as the near
    /// part loses its weight, and do not go on so: from 8k to 131k tokens time grew as n^1.7 and the budget did not fall
    /// (docs/clustered.md).
    /// </summary>
    private const double LeastTimeExponent = 1.7, LeastBudgetExponent = 0;

    /// <summary>Fits a method's rows.</summary>
    /// <param name="rows">One method's rows.</param>
    /// <param name="layerScale">Layers of the model ÷ layers measured.</param>
    public static MethodCost Of(IReadOnlyList<BenchRow> rows, double layerScale)
    {
        (double N, double Y)[] seconds = [.. rows.Select(row => ((double)row.N, row.Seconds * layerScale))];
        (double N, double Y)[] budgets = [.. rows.Select(row => ((double)row.N, row.Budget))];
        bool exact = rows[0].Method == "exact";
        return new MethodCost(
            rows[0].Method,
            PowerLaw.FitAtLeast(seconds, exact ? ExactExponent : LeastTimeExponent),
            exact ? new PowerLaw(1, 0) : PowerLaw.FitAtLeast(budgets, LeastBudgetExponent),
            rows.MaxBy(row => row.N)!.RelativeError);
    }

    /// <summary>The budget at a length, never above 1.</summary>
    public double BudgetAt(int n) => Math.Min(1, Budget.At(n));
}
