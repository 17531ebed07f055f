using System.Globalization;
using Prescore.Experiments.Reports;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace Prescore.Experiments.Plots;

/// <summary>Loss over exact against budget at the longest length, with standard errors over texts and seeds: one line a method.</summary>
public static class BudgetPlot
{
    // Losses differ by a factor of 100 and may be slightly negative: asinh is linear up to here and logarithmic beyond.
    private const double LinearRange = 0.01;

    private static readonly double[] Ticks = [-1, -0.3, -0.1, -0.03, -0.01, 0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];

    /// <summary>Draws the plot.</summary>
    /// <returns>A PNG file.</returns>
    public static byte[] Render(BudgetReport report)
    {
        int n = report.Rows.Max(row => row.N);
        Plot plot = PlotStyle.Create(
            string.Create(CultureInfo.InvariantCulture, $"Loss against budget, {n:N0} tokens, {report.Texts.Count} texts, {report.Seeds} seeds\n{report.Model.File}"),
            "budget (query–key products ÷ exact's)",
            "ΔNLL to exact, nats a token (lower is better)");
        int series = 0;
        foreach (IGrouping<string, BudgetRow> method in report.Rows.Where(row => row.N == n).GroupBy(row => Family(row.Name)))
        {
            BudgetRow[] rows = [.. method.OrderBy(row => row.Budget)];
            Color colour = PlotStyle.ColourOf(series++);
            var line = plot.Add.Scatter(rows.Select(row => row.Budget).ToArray(), rows.Select(row => Scale(row.DeltaNll)).ToArray(), colour);
            line.LineWidth = 2;
            line.MarkerSize = 8;
            line.LegendText = method.Key;
            foreach (BudgetRow row in rows.Where(row => double.IsFinite(row.DeltaNllSe)))
            {
                plot.Add.Line(row.Budget, Scale(row.DeltaNll - row.DeltaNllSe), row.Budget, Scale(row.DeltaNll + row.DeltaNllSe)).LineStyle = new LineStyle(2, colour);
            }
        }
        plot.Add.HorizontalLine(0, 2, Colors.Black, LinePattern.Dashed).ExcludeFromLegend = true;
        plot.Axes.Left.TickGenerator = new NumericManual([.. Ticks.Select(Scale)], [.. Ticks.Select(tick => tick.ToString(CultureInfo.InvariantCulture))]);
        plot.ShowLegend(Edge.Right);
        plot.Legend.FontName = BundledFont.Name;
        plot.Legend.FontSize = 13;
        plot.Axes.AutoScale();
        return PlotStyle.Png(plot);
    }

    /// <summary>Settings of one method that differ in what its budget depends on are one line.</summary>
    private static string Family(string name) => name.Split(":error=")[0].Split(":threshold=")[0];

    private static double Scale(double loss) => Math.Asinh(loss / LinearRange);
}
