using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Evidence.Claims;

/// <summary>What one method did to a model's predictions on one text.</summary>
/// <param name="Source">The result that holds it.</param>
/// <param name="Where">Text and context, in words.</param>
/// <param name="Spec">The method with all its sizes.</param>
/// <param name="Budget">Interactions ÷ exact's.</param>
/// <param name="Perplexity">e^(mean negative log-likelihood).</param>
/// <param name="Loss">Mean negative log-likelihood less exact's, nats a token, and its standard error.</param>
internal sealed record QualityPoint(StudyResult Source, string Where, string Spec, double Budget, double Perplexity, PairedDifference Loss)
{
    /// <summary>The points of all results that have some.</summary>
    public static IReadOnlyList<QualityPoint> Of(IReadOnlyList<StudyResult> results) =>
    [
        .. results.Where(result => result.Command[0] == "perplexity").SelectMany(OfPerplexity),
        .. results.Where(result => result.Command is ["study", "budget", ..]).SelectMany(OfBudget),
    ];

    /// <summary>Whether the method is of this kind: its name and some of its options.</summary>
    public bool Is(string method, params ReadOnlySpan<string> options)
    {
        string[] parts = Spec.Split(':', ',');
        foreach (string option in options)
        {
            if (!parts.Contains(option))
            {
                return false;
            }
        }
        return parts[0] == method;
    }

    /// <summary>Cells whose method cannot spend the budget (all keys selected, say) compare nothing.</summary>
    private static IEnumerable<QualityPoint> OfBudget(StudyResult result) => result.Read<BudgetReport>().Cells.Where(cell => Meets(cell.Budget, cell.WantedBudget)).Select(cell => new QualityPoint(
        result, $"{cell.Text}, {Html.Count(cell.N)} tokens, seed {cell.Seed}", cell.Spec, cell.Budget, Math.Exp(cell.Nll), new PairedDifference(cell.DeltaNll, cell.DeltaNllSe)));

    private static bool Meets(double budget, double? wanted) => wanted is not double asked || BudgetSolver.Meets(budget, asked);

    private static IEnumerable<QualityPoint> OfPerplexity(StudyResult result)
    {
        PerplexityReport report = result.Read<PerplexityReport>();
        string where = $"{report.Text.File}, {Html.Count(report.Context)} tokens, seed {report.Seed}";
        return report.Methods.Select(row => new QualityPoint(
            result, where, row.Spec, row.Budget, row.Perplexity, new PairedDifference(row.DeltaNll, row.DeltaNllSe ?? double.NaN)));
    }
}

/// <summary>Two methods on the same text.</summary>
/// <param name="Where">Text and context, in words.</param>
/// <param name="First">One method.</param>
/// <param name="Second">The other one.</param>
internal sealed record QualityPair(string Where, QualityPoint First, QualityPoint Second)
{
    // Losses of both are paired with exact's and vary alike, so that their sum of squares is a generous error.
    private double Error => Math.Sqrt(First.Loss.StandardError * First.Loss.StandardError + Second.Loss.StandardError * Second.Loss.StandardError);

    /// <summary>Loss of the first less that of the second, nats a token.</summary>
    public double Difference => First.Loss.Mean - Second.Loss.Mean;

    /// <summary>Whether the first loses less, by more than two standard errors.</summary>
    public bool FirstIsBetter => Difference < -2 * Error;

    /// <summary>Whether the second loses less, by more than two standard errors.</summary>
    public bool SecondIsBetter => Difference > 2 * Error;

    /// <summary>The pairs on each text of a study, at budgets that are alike.</summary>
    public static IReadOnlyList<QualityPair> Of(IReadOnlyList<QualityPoint> points, Func<QualityPoint, bool> first, Func<QualityPoint, bool> second) =>
    [
        .. from a in points.Where(first)
           from b in points.Where(second)
           where ReferenceEquals(a.Source, b.Source) && a.Where == b.Where && Math.Abs(a.Budget - b.Budget) <= 3 * BudgetSolver.Tolerance
           select new QualityPair(a.Where, a, b),
    ];

    /// <summary>The difference in words.</summary>
    public string InWords() => $"{Html.Signed(Difference, 3)} ± {Html.Fixed(Error, 3)}";
}
