using System.Globalization;
using Prescore.Experiments.Reports;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace Prescore.Experiments.Plots;

/// <summary>Time against length, both logarithmic: a straight line is a power law, its slope the exponent.</summary>
public static class TimePlot
{
    /// <summary>Draws the plot.</summary>
    /// <returns>A PNG file.</returns>
    public static byte[] Render(BenchReport report)
    {
        Plot plot = PlotStyle.Create($"Time of one attention: {report.Data}, {report.Threads} threads", "tokens n", "seconds");
        int series = 0;
        foreach (IGrouping<string, BenchRow> method in report.Rows.GroupBy(row => row.Method))
        {
            BenchRow[] rows = [.. method];
            var line = plot.Add.Scatter(
                rows.Select(row => Math.Log2(row.N)).ToArray(),
                rows.Select(row => Math.Log10(row.Seconds)).ToArray(),
                method.Key == "exact" ? Colors.Black : PlotStyle.ColourOf(series++));
            line.LineWidth = 2;
            line.MarkerSize = 9;
            line.LegendText = report.Slopes.TryGetValue(method.Key, out double slope)
                ? string.Create(CultureInfo.InvariantCulture, $"{method.Key}: n^{slope:0.00}")
                : method.Key;
        }
        int[] lengths = [.. report.Rows.Select(row => row.N).Distinct().Order()];
        plot.Axes.Bottom.TickGenerator = new NumericManual(
            [.. lengths.Select(n => Math.Log2(n))], [.. lengths.Select(LengthLabel)]);
        double[] seconds = [.. Enumerable.Range(-6, 11).SelectMany(power => new[] { 1, 2, 5 }.Select(step => step * Math.Pow(10, power)))];
        plot.Axes.Left.TickGenerator = new NumericManual(
            [.. seconds.Select(Math.Log10)], [.. seconds.Select(time => time.ToString("0.######", CultureInfo.InvariantCulture))]);
        plot.ShowLegend(Alignment.UpperLeft);
        plot.Legend.FontName = BundledFont.Name;
        plot.Legend.FontSize = 14;
        plot.Axes.AutoScale();
        return PlotStyle.Png(plot);
    }

    private static string LengthLabel(int n) => n % 1024 == 0 ? $"{n / 1024}k" : n.ToString(CultureInfo.InvariantCulture);
}
