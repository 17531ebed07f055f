using System.Xml.Linq;
using Prescore.Experiments.Evidence.Charts;
using Prescore.Experiments.Planted;
using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Evidence.Sections;

/// <summary>Recovery of planted heavy keys.</summary>
public sealed class PlantedSection : ReportSection<PlantedReport>
{
    // Two pictures of each diagram are enough.
    private static readonly string[] Drawn = ["kmeans", "leverage"];

    /// <inheritdoc/>
    public override string Introduction =>
        "A few keys lie along directions of their own, all others are noise: which scorers' top keys are just those? Shown is the share of them that is found, and in brackets the share of the draws in which nothing else is. “signal x” has x times the norm from which on leverage must find them; “inside both” meets clustering's stronger condition too, and the rows below it break one assumption each.";

    /// <inheritdoc/>
    protected override IEnumerable<XElement> Show(PlantedReport report)
    {
        foreach (IGrouping<int, PlantedRow> size in report.Points.GroupBy(point => point.Dimension))
        {
            PlantedRow[] signals = [.. size.Where(row => PlantedPoints.VariesSignal(row.Name) && row.Boundary is not null)];
            if (signals.Length > 1)
            {
                yield return Html.Figure(
                    Chart.Lines(
                        new ChartAxis("norm of the signal ÷ leverage's boundary", AxisKind.Logarithmic),
                        new ChartAxis("share of the planted keys found") { Limits = (-0.02, 1.03) },
                        [.. report.Scorers.Select((scorer, i) => new Series(scorer, [.. signals.Select(row => new ChartPoint(row.Signal / row.Boundary!.Value, row.Scorers[i].Recall))]))],
                        mark: 1),
                    $"n = {Html.Count(report.Keys)}, d = {size.Key}, {report.Seeds} draws a point. Right of the dashed line leverage must find all.");
            }
            yield return Html.Table(
                $"Planted keys found, d = {size.Key}",
                ["point", .. report.Scorers],
                size.Select(row => row.Scorers.Select(scorer => $"{Html.Percent(scorer.Recall)} ({Html.Fixed(100 * scorer.Exact, 0)} %)").Prepend(row.Name)));
        }
        foreach (PhaseDiagram phase in report.Phases)
        {
            foreach (PhaseScorer scorer in phase.Scorers.Where(scorer => Drawn.Contains(scorer.Scorer)))
            {
                yield return Html.Table(
                    $"{scorer.Scorer}: planted keys found, {phase.Rows} (rows) × {phase.Columns} (columns), from 1.2 times leverage's boundary, {phase.Seeds} draws a cell",
                    [phase.Rows, .. phase.ColumnValues.Select(Number)],
                    scorer.Recall.Select((row, i) => row.Select(Html.Percent).Prepend(Number(phase.RowValues[i]))));
            }
        }
    }

    private static string Number(double value) => value.ToString("0.##", System.Globalization.CultureInfo.InvariantCulture);
}
