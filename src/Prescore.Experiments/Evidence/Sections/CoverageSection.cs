using System.Xml.Linq;
using Prescore.Experiments.Evidence.Charts;
using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Evidence.Sections;

/// <summary>How much attention a few keys hold.</summary>
public sealed class CoverageSection : ReportSection<CoverageReport>
{
    private static readonly string[] Drawn = ["each query's own", "best fixed set", "keydiff", "kmeans", "leverage"];

    /// <inheritdoc/>
    public override string Introduction =>
        "Of exact attention, how much falls on as few keys as a method would keep? Every query keeps the first keys and its window; the rest of its attention, on far keys, is what a choice of s keys can hold. “Each query's own” is the most that any choice can; “best fixed set” the most that any scorer can, as it chooses once for all queries. Scorers see all keys, later ones too. The last columns show how many of a query's heavy keys are found, those with at least the named share of its attention.";

    /// <inheritdoc/>
    protected override IEnumerable<XElement> Show(CoverageReport report)
    {
        yield return Html.Table(
            $"{report.Keys} keys of {Html.Count(report.Context)}, beside {report.Sinks} sinks and a window of {report.Window}; far keys hold {Html.Percent(report.FarMass.SelectMany(layer => layer).Average())} of the attention",
            ["choice", "of all attention", "of that on far keys", .. report.Thresholds.Select(threshold => $"heavy, from {100 * threshold:0} %")],
            report.Choices.OrderByDescending(choice => choice.FarMass).Select(choice => new[] { choice.Name, Html.Percent(choice.Mass), Html.Percent(choice.FarMass) }
                .Concat(choice.HeavyRecall.Select(Html.Percent))));
        foreach (CoverageRow choice in Drawn.SelectMany(name => report.Choices.Where(choice => choice.Name == name)))
        {
            yield return Html.Figure(
                Chart.HeatMap(Grid(choice), "layer", "head"),
                $"{choice.Name}: share of the attention on far keys that is on the chosen ones, dark 0, bright 1.");
        }
    }

    private static double[,] Grid(CoverageRow choice)
    {
        var grid = new double[choice.FarMassByHead.Max(layer => layer.Length), choice.FarMassByHead.Count];
        for (int layer = 0; layer < choice.FarMassByHead.Count; layer++)
        {
            for (int head = 0; head < grid.GetLength(0); head++)
            {
                grid[head, layer] = head < choice.FarMassByHead[layer].Length ? choice.FarMassByHead[layer][head] : double.NaN;
            }
        }
        return grid;
    }
}
