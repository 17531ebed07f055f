using System.Xml.Linq;
using ScottPlot;
using ScottPlot.Plottables;

namespace Prescore.Experiments.Evidence.Charts;

/// <summary>Charts of the page: SVG in the colours of the page, so that they suit a light and a dark one, with the legend as text.</summary>
internal static class Chart
{
    private const int Width = 640;
    private const int Height = 380;

    // To be read on white and on black alike.
    private static readonly string[] Colours = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#9467bd", "#8a8a8a", "#b15928", "#6a8d00"];

    /// <summary>Points and lines over two axes.</summary>
    /// <param name="x">Horizontal axis.</param>
    /// <param name="y">Vertical axis.</param>
    /// <param name="series">Rows of points.</param>
    /// <param name="mark">Value of x at which a dashed line stands; null: none.</param>
    public static XElement Lines(ChartAxis x, ChartAxis y, IReadOnlyList<Series> series, double? mark = null)
    {
        Plot plot = Create(x.Label, y.Label);
        for (int i = 0; i < series.Count; i++)
        {
            Add(plot, x, y, series[i], Color.FromHex(Colours[i % Colours.Length]));
        }
        if (mark is double value)
        {
            plot.Add.VerticalLine(x.Place(value), 1, SvgColours.Foreground, LinePattern.Dashed);
        }
        plot.Axes.AutoScale();
        Fit(plot.Axes.Bottom, x, [.. series.SelectMany(one => one.Points).Select(point => point.X)], limits => plot.Axes.SetLimitsX(limits.Item1, limits.Item2));
        Fit(plot.Axes.Left, y, [.. series.SelectMany(one => one.Points).Select(point => point.Y)], limits => plot.Axes.SetLimitsY(limits.Item1, limits.Item2));
        return Html.Element("div", "chart", Legend(series), SvgColours.Render(plot, Width, Height));
    }

    /// <summary>Shares of 0..1 over columns and rows, a cell darker the greater it is.</summary>
    /// <param name="values">Values [rows, columns]; NaN: none.</param>
    /// <param name="columns">What the columns are.</param>
    /// <param name="rows">What the rows are.</param>
    public static XElement HeatMap(double[,] values, string columns, string rows)
    {
        Plot plot = Create(columns, rows);
        (int height, int width) = (values.GetLength(0), values.GetLength(1));
        for (int row = 0; row < height; row++)
        {
            for (int column = 0; column < width; column++)
            {
                double value = values[row, column];
                Rectangle cell = plot.Add.Rectangle(column - 0.5, column + 0.5, height - 1 - row - 0.5, height - 1 - row + 0.5);
                cell.LineWidth = 0;
                cell.FillColor = double.IsNaN(value) ? Colors.Transparent : new ScottPlot.Colormaps.Viridis().GetColor(value, new ScottPlot.Range(0, 1));
            }
        }
        plot.HideGrid();
        plot.Axes.SetLimits(-0.5, width - 0.5, -0.5, height - 0.5);
        int[] shown = [.. Enumerable.Range(0, height).Where(row => row % Math.Max(1, height / 10) == 0)];
        plot.Axes.Left.TickGenerator = new ScottPlot.TickGenerators.NumericManual(
            [.. shown.Select(row => (double)(height - 1 - row))], [.. shown.Select(row => row.ToString(System.Globalization.CultureInfo.InvariantCulture))]);
        return Html.Element("div", "chart", SvgColours.Render(plot, Width, Math.Clamp(90 + 22 * height, 200, Height)));
    }

    private static Plot Create(string xLabel, string yLabel)
    {
        Plot plot = Plots.PlotStyle.Create("", xLabel, yLabel);
        plot.Axes.Title.IsVisible = false;
        plot.FigureBackground.Color = plot.DataBackground.Color = Colors.Transparent;
        plot.Axes.Color(SvgColours.Foreground);
        plot.Grid.MajorLineColor = SvgColours.Foreground.WithOpacity(0.12);
        return plot;
    }

    private static void Add(Plot plot, ChartAxis x, ChartAxis y, Series series, Color colour)
    {
        ChartPoint[] points = [.. series.Points.Where(point => double.IsFinite(x.Place(point.X)) && double.IsFinite(y.Place(point.Y)))];
        foreach (ChartPoint point in points.Where(point => point.Error > 0))
        {
            double low = y.Place(point.Y - point.Error);
            LinePlot bar = plot.Add.Line(x.Place(point.X), double.IsFinite(low) ? low : y.Place(point.Y), x.Place(point.X), y.Place(point.Y + point.Error));
            (bar.LineColor, bar.LineWidth) = (colour, 1.5f);
        }
        Scatter scatter = plot.Add.Scatter(points.Select(point => x.Place(point.X)).ToArray(), points.Select(point => y.Place(point.Y)).ToArray(), colour);
        (scatter.LineWidth, scatter.MarkerSize) = (series.Joined ? 2 : 0, 7);
    }

    private static void Fit(IAxis axis, ChartAxis settings, double[] values, Action<(double, double)> setLimits)
    {
        if (settings.Ticks(values) is { } ticks)
        {
            axis.TickGenerator = ticks;
        }
        if (settings.Limits is (double least, double greatest))
        {
            setLimits((settings.Place(least), settings.Place(greatest)));
        }
    }

    private static XElement Legend(IReadOnlyList<Series> series) => Html.Element("ul", "legend", series.Select((one, i) =>
        Html.Element("li", null, Html.Element("span", "swatch", new XAttribute("style", $"background:{Colours[i % Colours.Length]}")), one.Name)));
}
