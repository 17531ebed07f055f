using System.Globalization;
using Prescore.Experiments.Reports;
using ScottPlot;
using ScottPlot.TickGenerators;

namespace Prescore.Experiments.Plots;

/// <summary>Quality against budget: the loss over exact attention, with standard errors, of every method.</summary>
public static class QualityPlot
{
    // Losses differ by a factor of 100 and may be slightly negative: asinh is linear up to here and logarithmic beyond.
    private const double LinearRange = 0.01;

    private static readonly double[] Ticks = [-1, -0.3, -0.1, -0.03, -0.01, 0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];

    /// <summary>Draws the plot.</summary>
    /// <returns>A PNG file.</returns>
    public static byte[] Render(PerplexityReport report)
    {
        PerplexityRow exact = report.Methods[0];
        Plot plot = PlotStyle.Create(
            $"Quality against budget: {report.Model.File}, {report.Text.File}, context {report.Context}",
            "budget (query–key products ÷ exact's; points of equal budget stand side by side)",
            "ΔNLL to exact, nats a token (lower is better)");
        double right = Math.Clamp(2 * report.Methods.Skip(1).Select(row => row.Budget).DefaultIfEmpty(0.5).Max(), 0.2, 1.3);
        (double X, double Y)[] points = SideBySide(report.Methods, distance: right * 0.006);
        double bottom = Math.Min(Scale(-0.003), points.Select(point => point.Y).DefaultIfEmpty(0).Min() - 0.2);
        double top = Math.Max(Scale(0.03), points.Select(point => point.Y).DefaultIfEmpty(0).Max());
        double[] labels = LabelLayout.Heights(points, width: right * 0.3, height: (top - bottom) * 0.048);
        top = Math.Max(top, labels.DefaultIfEmpty(top).Max()) + 0.08 * (top - bottom);

        var line = plot.Add.HorizontalLine(0, 2, Colors.Black, LinePattern.Dashed);
        line.ExcludeFromLegend = true;
        AddText(plot, $"exact, budget 1, perplexity {Number(exact.Perplexity, "0.000")}", right * 0.99, 0, Colors.Black, Alignment.LowerRight);
        for (int i = 0; i < points.Length; i++)
        {
            AddPoint(plot, report.Methods[i + 1], points[i], (report.Methods[i + 1].Budget + right * 0.05, labels[i]), PlotStyle.ColourOf(i));
        }
        plot.Axes.SetLimits(0, right, bottom, top);
        plot.Axes.Bottom.TickGenerator = new NumericAutomatic { TargetTickCount = 8 };
        plot.Axes.Left.TickGenerator = new NumericManual(
            [.. Ticks.Select(Scale)], [.. Ticks.Select(tick => tick.ToString(CultureInfo.InvariantCulture))]);
        return PlotStyle.Png(plot);
    }

    /// <summary>The points of all methods but exact; those that share a budget are spread a little, or they would hide each other.</summary>
    private static (double X, double Y)[] SideBySide(IReadOnlyList<PerplexityRow> methods, double distance)
    {
        var points = new (double X, double Y)[methods.Count - 1];
        foreach (var sharing in Enumerable.Range(0, points.Length).GroupBy(i => Math.Round(methods[i + 1].Budget / (2 * BudgetSolver.Tolerance))))
        {
            int[] members = [.. sharing.OrderBy(i => methods[i + 1].DeltaNll)];
            for (int place = 0; place < members.Length; place++)
            {
                PerplexityRow row = methods[members[place] + 1];
                points[members[place]] = (row.Budget + (place - (members.Length - 1) / 2.0) * distance, Scale(row.DeltaNll));
            }
        }
        return points;
    }

    private static void AddPoint(Plot plot, PerplexityRow row, (double X, double Y) at, (double X, double Y) labelAt, Color colour)
    {
        if (row.DeltaNllSe is double error)
        {
            plot.Add.Line(at.X, Scale(row.DeltaNll - error), at.X, Scale(row.DeltaNll + error)).LineStyle = new LineStyle(2, colour);
        }
        plot.Add.Marker(at.X, at.Y, MarkerShape.FilledCircle, 10, colour);
        plot.Add.Line(at.X, at.Y, labelAt.X, labelAt.Y).LineStyle = new LineStyle(1, colour.WithOpacity(0.5));
        string loss = Number(row.DeltaNll, "+0.000;-0.000");
        AddText(plot, $" {row.Name}  {loss}", labelAt.X, labelAt.Y, colour, Alignment.MiddleLeft);
    }

    private static void AddText(Plot plot, string text, double x, double y, Color colour, Alignment alignment)
    {
        var label = plot.Add.Text(text, x, y);
        label.LabelFontName = BundledFont.Name;
        label.LabelFontSize = 14;
        label.LabelFontColor = colour;
        label.LabelAlignment = alignment;
    }

    private static double Scale(double loss) => Math.Asinh(loss / LinearRange);

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
