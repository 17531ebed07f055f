using System.Xml.Linq;
using Prescore.Experiments.Evidence.Charts;
using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Evidence.Sections;

/// <summary>What methods do to a model's predictions.</summary>
public sealed class PerplexitySection : ReportSection<PerplexityReport>
{
    /// <inheritdoc/>
    public override string Introduction =>
        "All layers run with the method. Budget: query–key products ÷ exact's. Loss: mean negative log-likelihood less exact's, nats a token, paired, with its standard error. Perplexity is e to the mean negative log-likelihood; the last column is 2 to it, as the figures of the paper's public implementation were computed.";

    /// <inheritdoc/>
    protected override IEnumerable<XElement> Show(PerplexityReport report)
    {
        yield return Html.Figure(
            Chart.Lines(
                new ChartAxis("budget"),
                new ChartAxis("loss over exact, nats a token", AxisKind.Signed),
                [.. report.Methods.Skip(1).Select(row => new Series(row.Name, [new ChartPoint(row.Budget, row.DeltaNll, row.DeltaNllSe ?? 0)], Joined: false))]),
            $"{report.Model.File} on {report.Text.File}, {Html.Count(report.Context)} tokens, {Html.Count(report.TokensScored)} scored. Lower and further left is better; bars are standard errors.");
        yield return Html.Table(
            $"{report.Text.File}, {Html.Count(report.Context)} tokens",
            ["method", "budget", "perplexity", "loss ± error", "KL", "same top token", "attention", "speed-up", "2^nats"],
            report.Methods.Select((row, i) => new[]
            {
                row.Name,
                Html.Fixed(row.Budget, 3),
                Html.Fixed(row.Perplexity, 3),
                i == 0 ? "" : Html.Signed(row.DeltaNll, 4) + (row.DeltaNllSe is double error ? $" ± {Html.Fixed(error, 4)}" : ""),
                i == 0 ? "" : Html.Fixed(row.Kl, 4),
                i == 0 ? "" : Html.Percent(row.Top1),
                Html.Seconds(row.AttentionSeconds),
                $"{Html.Fixed(row.Speedup, 2)}×",
                Html.Fixed(Math.Pow(2, row.Nll), 3),
            }));
    }
}
