using System.Globalization;
using Prescore.Experiments.Reports;
using ScottPlot;
using ScottPlot.TickGenerators;
using SkiaSharp;

namespace Prescore.Experiments.Plots;

/// <summary>Heat maps of the answers found over lengths × depths, one panel a method and task.</summary>
public static class TaskPlot
{
    private const int PanelHeight = 460;
    private const int HeaderHeight = 50;
    private const int PanelsARow = 3;

    /// <summary>Draws all tasks and methods of a report, in its order.</summary>
    /// <returns>A PNG file.</returns>
    public static byte[] Render(TaskReport report)
    {
        (string Task, TaskMethodRow Method)[] panels = [.. report.Tasks.SelectMany(task => task.Methods.Select(method => (task.Task, method)))];
        int columns = Math.Min(PanelsARow, panels.Length), rows = (panels.Length + columns - 1) / columns;
        int width = 220 + 70 * Math.Max(4, report.Lengths.Count);
        using SKSurface surface = SKSurface.Create(new SKImageInfo(Math.Max(700, columns * width), HeaderHeight + rows * PanelHeight));
        surface.Canvas.Clear(SKColors.White);
        for (int i = 0; i < panels.Length; i++)
        {
            // By way of an image of its own, as a plot clears the canvas it draws on.
            using SKImage panel = SKImage.FromEncodedData(Panel(report, panels[i].Task, panels[i].Method).GetImageBytes(width, PanelHeight, ImageFormat.Png));
            surface.Canvas.DrawImage(panel, i % columns * width, HeaderHeight + i / columns * PanelHeight);
        }
        using var font = new SKFont(BundledFont.Face, 19);
        using var paint = new SKPaint { Color = SKColors.Black, IsAntialias = true };
        surface.Canvas.DrawText($"Answers found: {report.Model.File}, {report.Text.File}, {report.Passages} passages a length", 24, 32, SKTextAlign.Left, font, paint);
        using SKImage image = surface.Snapshot();
        using SKData png = image.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }

    private static Plot Panel(TaskReport report, string task, TaskMethodRow method)
    {
        string accuracy = (100 * method.Accuracy).ToString("0.0", CultureInfo.InvariantCulture);
        Plot plot = PlotStyle.Create($"{task}, {method.Name}: {accuracy} % of {method.Trials}", "tokens", "depth of the fact, %");
        var values = new double[report.Depths, report.Lengths.Count];
        for (int column = 0; column < report.Lengths.Count; column++)
        {
            for (int depth = 0; depth < report.Depths; depth++)
            {
                TaskCell? cell = method.Cells.FirstOrDefault(cell => cell.Length == report.Lengths[column] && cell.Depth == depth);
                values[depth, column] = cell is null ? double.NaN : 100.0 * cell.Found / cell.Trials;
            }
        }
        if (values.Cast<double>().Any(double.IsFinite))
        {
            var map = plot.Add.Heatmap(values);
            map.Colormap = new ScottPlot.Colormaps.Viridis();
            map.ManualRange = new ScottPlot.Range(0, 100);
            map.NaNCellColor = Colors.LightGray;
            var bar = plot.Add.ColorBar(map);
            bar.Axis.TickLabelStyle.FontName = BundledFont.Name;
            bar.Axis.TickGenerator = new NumericManual([0, 25, 50, 75, 100], ["0 %", "25 %", "50 %", "75 %", "100 %"]);
        }
        plot.HideGrid();
        plot.Axes.SetLimits(-0.5, report.Lengths.Count - 0.5, -0.5, report.Depths - 0.5);
        plot.Axes.Bottom.TickGenerator = new NumericManual(
            [.. Enumerable.Range(0, report.Lengths.Count).Select(column => (double)column)],
            [.. report.Lengths.Select(length => length.ToString(CultureInfo.InvariantCulture))]);
        int step = Math.Max(1, report.Depths / 8);
        int[] shown = [.. Enumerable.Range(0, report.Depths).Where(depth => depth % step == 0)];
        plot.Axes.Left.TickGenerator = new NumericManual(
            [.. shown.Select(depth => (double)(report.Depths - 1 - depth))],
            [.. shown.Select(depth => (report.Depths == 1 ? 50 : 100 * depth / (report.Depths - 1)).ToString(CultureInfo.InvariantCulture))]);
        plot.Axes.Title.Label.FontSize = 15;
        return plot;
    }
}
