using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Advice;

/// <summary>What a method costs by length, from measured rows.</summary>
/// <param name="Spec">The method.</param>
/// <param name="Seconds">Time of the attention of all layers.</param>
/// <param name="Budget">Interactions ÷ exact's.</param>
/// <param name="RelativeError">Relative error measured at the longest length: the nearest to what is asked.</param>
public sealed record MethodCost(string Spec, PowerLaw Seconds, PowerLaw Budget, double RelativeError)
{
    /// <summary>The exponent of exact attention and, by design, of Clustered: for methods measured at one length alone.</summary>
    private const double ExactExponent = 2, SparseExponent = 1.5;

    /// <summary>Fits a method's rows.</summary>
    /// <param name="rows">One method's rows.</param>
    /// <param name="layerScale">Layers of the model ÷ layers measured.</param>
    public static MethodCost Of(IReadOnlyList<BenchRow> rows, double layerScale)
    {
        double exponent = rows[0].Method == "exact" ? ExactExponent : SparseExponent;
        return new MethodCost(
            rows[0].Method,
            PowerLaw.Fit([.. rows.Select(row => ((double)row.N, row.Seconds * layerScale))], exponent),
            PowerLaw.Fit([.. rows.Select(row => ((double)row.N, row.Budget))], exponent - ExactExponent),
            rows.MaxBy(row => row.N)!.RelativeError);
    }

    /// <summary>The budget at a length, never above 1.</summary>
    public double BudgetAt(int n) => Math.Min(1, Budget.At(n));
}
