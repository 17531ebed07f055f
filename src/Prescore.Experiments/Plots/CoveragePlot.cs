using System.Globalization;
using Prescore.Experiments.Reports;
using ScottPlot;
using ScottPlot.TickGenerators;
using SkiaSharp;

namespace Prescore.Experiments.Plots;

/// <summary>Heat maps of the far attention that choices of keys hold, heads × layers, one panel a choice.</summary>
public static class CoveragePlot
{
    private const int PanelWidth = 640;
    private const int PanelHeight = 300;
    private const int HeaderHeight = 50;
    private const int PanelsARow = 2;

    /// <summary>Draws all choices of a report, in its order.</summary>
    /// <returns>A PNG file.</returns>
    public static byte[] Render(CoverageReport report)
    {
        int rows = (report.Choices.Count + PanelsARow - 1) / PanelsARow;
        using SKSurface surface = SKSurface.Create(new SKImageInfo(PanelsARow * PanelWidth, HeaderHeight + rows * PanelHeight));
        surface.Canvas.Clear(SKColors.White);
        for (int i = 0; i < report.Choices.Count; i++)
        {
            // By way of an image of its own, as a plot clears the canvas it draws on.
            using SKImage panel = SKImage.FromEncodedData(Panel(report.Choices[i]).GetImageBytes(PanelWidth, PanelHeight, ImageFormat.Png));
            surface.Canvas.DrawImage(panel, i % PanelsARow * PanelWidth, HeaderHeight + i / PanelsARow * PanelHeight);
        }
        using var font = new SKFont(BundledFont.Face, 19);
        using var paint = new SKPaint { Color = SKColors.Black, IsAntialias = true };
        string title = string.Create(
            CultureInfo.InvariantCulture, $"Far attention on {report.Keys} keys: {report.Model.File}, {report.Text.File}, context {report.Context}");
        surface.Canvas.DrawText(title, 24, 32, SKTextAlign.Left, font, paint);
        using SKImage image = surface.Snapshot();
        using SKData png = image.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }

    private static Plot Panel(CoverageRow choice)
    {
        string mean = (100 * choice.FarMass).ToString("0.0", CultureInfo.InvariantCulture);
        Plot plot = PlotStyle.Create($"{choice.Name}: {mean} %", "layer", "head");
        plot.Axes.Title.Label.FontSize = 15;
        int layers = choice.FarMassByHead.Count, heads = choice.FarMassByHead.Max(layer => layer.Length);
        var values = new double[heads, layers];
        for (int layer = 0; layer < layers; layer++)
        {
            for (int head = 0; head < heads; head++)
            {
                values[head, layer] = head < choice.FarMassByHead[layer].Length ? choice.FarMassByHead[layer][head] : double.NaN;
            }
        }
        if (values.Cast<double>().Any(double.IsFinite))
        {
            var map = plot.Add.Heatmap(values);
            map.Colormap = new ScottPlot.Colormaps.Viridis();
            map.ManualRange = new ScottPlot.Range(0, 1);
            map.NaNCellColor = Colors.LightGray;
            var bar = plot.Add.ColorBar(map);
            bar.Axis.TickLabelStyle.FontName = BundledFont.Name;
            bar.Axis.TickGenerator = new NumericManual([0, 0.5, 1], ["0", "50 %", "100 %"]);
        }
        plot.HideGrid();
        plot.Axes.SetLimits(-0.5, layers - 0.5, -0.5, heads - 0.5);
        plot.Axes.Left.TickGenerator = new NumericManual(
            [.. Enumerable.Range(0, heads).Select(head => (double)(heads - 1 - head))],
            [.. Enumerable.Range(0, heads).Select(head => head.ToString(CultureInfo.InvariantCulture))]);
        return plot;
    }
}
