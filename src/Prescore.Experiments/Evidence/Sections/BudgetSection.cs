using System.Xml.Linq;
using Prescore.Experiments.Evidence.Charts;
using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Evidence.Sections;

/// <summary>Loss against budget over texts and seeds.</summary>
public sealed class BudgetSection : ReportSection<BudgetReport>
{
    /// <inheritdoc/>
    public override string Introduction =>
        "Every method at several budgets, over texts and seeds: loss over exact, nats a token, with a standard error over tokens, texts and seeds. A budget that a method cannot have at a length, too small for what it always computes or too large for all that it can select, is marked with the one that was asked for and judges no claim. Below it the paper's comparison, with perplexity as e^nats and, beside it, 2^nats, as the published figures were computed.";

    /// <inheritdoc/>
    protected override IEnumerable<XElement> Show(BudgetReport report)
    {
        foreach (IGrouping<int, BudgetRow> length in report.Rows.GroupBy(row => row.N))
        {
            yield return Html.Figure(
                Chart.Lines(
                    new ChartAxis("budget"),
                    new ChartAxis("loss over exact, nats a token", AxisKind.Signed),
                    [.. length.GroupBy(row => row.Name).Select(method => new Series(
                        method.Key, [.. method.OrderBy(row => row.Budget).Select(row => new ChartPoint(row.Budget, row.DeltaNll, row.DeltaNllSe))]))]),
                $"{report.Model.File}, {Html.Count(length.Key)} tokens, {report.Texts.Count} texts, {report.Seeds} seeds.");
            yield return Html.Table(
                $"{Html.Count(length.Key)} tokens",
                ["method", "budget", "loss ± error", "KL", "same top token", "texts × seeds"],
                length.Select(row => new[]
                {
                    row.Name,
                    Html.Fixed(row.Budget, 3) + (row.WantedBudget is double wanted && !BudgetSolver.Meets(row.Budget, wanted) ? $" (not {wanted:0.##})" : ""),
                    $"{Html.Signed(row.DeltaNll, 4)} ± {Html.Fixed(row.DeltaNllSe, 4)}",
                    Html.Fixed(row.Kl, 4),
                    Html.Percent(row.Top1),
                    Html.Count(row.Cells),
                }));
        }
        if (report.Paper.Count > 0)
        {
            yield return Html.Table(
                "The paper's comparison, at equal budgets",
                ["method", "text", "tokens", "budget", "perplexity", "exact's", "2^nats", "loss less hyper's", "loss less leverage's"],
                report.Paper.Select(row => new[]
                {
                    row.Name,
                    row.Text,
                    Html.Count(row.N),
                    Html.Fixed(row.Budget, 3),
                    Html.Fixed(row.Perplexity, 2),
                    Html.Fixed(row.ExactPerplexity, 2),
                    Html.Fixed(row.PublishedStyle, 2),
                    Difference(row.AgainstHyper),
                    Difference(row.AgainstLeverage),
                }));
        }
    }

    private static string Difference(PairedLoss? loss) => loss is null ? "" : $"{Html.Signed(loss.Mean, 4)} ± {Html.Fixed(loss.StandardError, 4)}";
}
