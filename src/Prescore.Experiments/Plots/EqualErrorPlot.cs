using System.Globalization;
using Prescore.Experiments.Reports;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace Prescore.Experiments.Plots;

/// <summary>Speed-up over exact against relative error at the longest length, both logarithmic: one line a method, one point a setting.</summary>
public static class EqualErrorPlot
{
    private static readonly double[] Errors = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1];

    private static readonly double[] Factors = [0.25, 0.5, 1, 2, 3, 5, 10, 20, 50];

    /// <summary>Draws the plot.</summary>
    /// <returns>A PNG file.</returns>
    public static byte[] Render(LayerStudyReport report)
    {
        int n = report.Points.Max(point => point.N);
        Plot plot = PlotStyle.Create(
            string.Create(CultureInfo.InvariantCulture, $"Speed-up at equal error, n = {n:N0}, {report.Threads} threads\n{report.Data}"),
            "relative error of the outputs",
            "speed-up over exact");
        int series = 0;
        foreach (IGrouping<string, LayerStudyPoint> method in report.Points.Where(point => point.N == n && !point.IsExact).GroupBy(point => point.Method))
        {
            var line = plot.Add.Scatter(
                method.Select(point => Math.Log10(Math.Max(Errors[0], point.RelativeError))).ToArray(),
                method.Select(point => Math.Log10(point.ExactSeconds / point.Seconds)).ToArray(),
                PlotStyle.ColourOf(series++));
            line.LineWidth = 2;
            line.MarkerSize = 9;
            line.LegendText = method.Key;
        }
        plot.Add.HorizontalLine(0, 2, Colors.Black, LinePattern.Dashed).ExcludeFromLegend = true;
        plot.Axes.Bottom.TickGenerator = Ticks(Errors);
        plot.Axes.Left.TickGenerator = Ticks(Factors);
        plot.ShowLegend(Alignment.UpperLeft);
        plot.Legend.FontName = BundledFont.Name;
        plot.Legend.FontSize = 14;
        plot.Axes.AutoScale();
        return PlotStyle.Png(plot);
    }

    private static NumericManual Ticks(double[] values) =>
        new([.. values.Select(Math.Log10)], [.. values.Select(value => value.ToString(CultureInfo.InvariantCulture))]);
}
