using Prescore.Experiments.Reports;
using ScottPlot;

namespace Prescore.Experiments.Plots;

/// <summary>Accuracy against the number of keys, one line a form, means over seeds: a colour a scorer, a pattern for what is done with the other keys.</summary>
public static class VisionPlot
{
    /// <summary>Draws the plot.</summary>
    /// <returns>A PNG file.</returns>
    public static byte[] Render(VisionReport report)
    {
        Plot plot = PlotStyle.Create(
            $"Accuracy against keys of {report.Tokens}: {report.Model.File}, {report.Images} test images of Fashion-MNIST",
            "keys a query (CLS among them)",
            "accuracy, %");
        plot.Add.HorizontalLine(100 * report.ExactAccuracy, 2, Colors.Black, LinePattern.Dashed).LegendText = "exact";
        var scorers = new List<string>();
        foreach (IGrouping<string, VisionRow> form in report.Rows.GroupBy(row => row.Form))
        {
            (double Keys, double Accuracy)[] points = [.. form.GroupBy(row => row.Keys).OrderBy(rows => rows.Key)
                .Select(rows => ((double)rows.Key, 100 * rows.Average(row => row.Accuracy)))];
            double[] keys = [.. points.Select(point => point.Keys)], accuracies = [.. points.Select(point => point.Accuracy)];
            string scorer = form.Key.Split([',', ' '], 2)[0];
            if (!scorers.Contains(scorer))
            {
                scorers.Add(scorer);
            }
            ScottPlot.Plottables.Scatter line = plot.Add.Scatter(keys, accuracies, PlotStyle.ColourOf(scorers.IndexOf(scorer)));
            line.LegendText = form.Key;
            line.LinePattern = form.Key.Contains('+') ? LinePattern.DenselyDashed : form.Key.Contains(',') ? LinePattern.Dotted : LinePattern.Solid;
            line.MarkerSize = 7;
            line.LineWidth = 2;
        }
        plot.ShowLegend(Edge.Right);
        return PlotStyle.Png(plot);
    }
}
