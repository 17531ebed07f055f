using System.Globalization;
using Prescore.Experiments.Planted;
using Prescore.Experiments.Reports;
using ScottPlot;
using ScottPlot.Plottables;

namespace Prescore.Experiments.Plots;

/// <summary>Recovery of the planted keys against the signal, a line a scorer; one size of keys.</summary>
public static class RecoveryPlot
{
    /// <summary>Draws the points that vary the signal alone.</summary>
    /// <param name="report">The study.</param>
    /// <param name="dimension">Size of the keys shown.</param>
    /// <returns>A PNG file.</returns>
    public static byte[] Render(PlantedReport report, int dimension)
    {
        PlantedRow[] rows = [.. report.Points.Where(row => row.Dimension == dimension && PlantedPoints.VariesSignal(row.Name))];
        Plot plot = PlotStyle.Create(
            string.Create(CultureInfo.InvariantCulture, $"Planted signal keys recovered: n = {report.Keys:N0}, d = {dimension}, {report.Seeds} seeds"),
            "signal's norm ÷ leverage's boundary (1: leverage must recover all from here on)",
            "fraction of signal keys among the top");
        plot.Add.VerticalLine(1, 1, Colors.Black, LinePattern.Dashed).ExcludeFromLegend = true;
        for (int i = 0; i < report.Scorers.Count; i++)
        {
            double[] recall = [.. rows.Select(row => row.Scorers[i].Recall)];
            Scatter line = plot.Add.Scatter([.. rows.Select(row => row.Signal / row.Boundary!.Value)], recall, PlotStyle.ColourOf(i));
            line.LegendText = report.Scorers[i];
            line.LineWidth = 2;
        }
        plot.ShowLegend(Alignment.LowerRight);
        plot.Axes.SetLimits(0, rows.Max(row => row.Signal / row.Boundary!.Value) * 1.02, -0.02, 1.04);
        return PlotStyle.Png(plot);
    }
}
