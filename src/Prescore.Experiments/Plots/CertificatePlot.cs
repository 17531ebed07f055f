using System.Globalization;
using Prescore.Experiments.Reports;
using ScottPlot;
using ScottPlot.Panels;
using ScottPlot.Plottables;
using ScottPlot.TickGenerators;
using SkiaSharp;

namespace Prescore.Experiments.Plots;

/// <summary>
/// Heat maps over layers × heads of what methods certified, one row of panels a method: the relative error on the left,
/// white at the target and logarithmic, and on the right the budget, with the number of clusters a query visits.
/// </summary>
public static class CertificatePlot
{
    private const int CellWidth = 23;
    private const int CellHeight = 24;
    private const int HeaderHeight = 78;

    // The scale of errors ends at a fourth and at four times the target.
    private const double ErrorRange = 4;

    /// <summary>Draws the certified methods of a report, in its order.</summary>
    /// <returns>A PNG file.</returns>
    /// <exception cref="ArgumentException">The report has none.</exception>
    public static byte[] Render(PerplexityReport report)
    {
        PerplexityRow[] rows = [.. report.Methods.Where(row => row.Certificate is not null)];
        if (rows.Length == 0)
        {
            throw new ArgumentException("the report has no certified method", nameof(report));
        }
        CertificateGrid[] grids = [.. rows.Select(row => new CertificateGrid(row.Certificate!))];
        int width = 190 + Math.Clamp(CellWidth * grids[0].Layers.Length, 320, 1600);
        int height = 120 + Math.Clamp(CellHeight * grids[0].Heads, 140, 1000);
        using SKSurface surface = SKSurface.Create(new SKImageInfo(2 * width, HeaderHeight + height * rows.Length));
        surface.Canvas.Clear(SKColors.White);
        for (int i = 0; i < rows.Length; i++)
        {
            float top = HeaderHeight + i * height;
            Draw(surface.Canvas, ErrorPanel(rows[i], grids[i]), 0, top, width, height);
            Draw(surface.Canvas, BudgetPanel(rows[i], grids[i]), width, top, width, height);
        }
        Write(surface.Canvas, $"What clustered attention certified, measured estimates and not bounds: {report.Model.File}, {report.Text.File}, context {report.Context}", 20, 30);
        Write(
            surface.Canvas,
            "□ exact at the end    × kept from its target by the budget    grey: never probed    numbers: log₂ of the share from which a key is computed (–: none)",
            15,
            60);
        using SKImage image = surface.Snapshot();
        using SKData png = image.Encode(SKEncodedImageFormat.Png, 100);
        return png.ToArray();
    }

    /// <summary>By way of an image of its own, as a plot clears the canvas it draws on.</summary>
    private static void Draw(SKCanvas canvas, Plot plot, float left, float top, int width, int height)
    {
        using SKImage image = SKImage.FromEncodedData(plot.GetImageBytes(width, height, ImageFormat.Png));
        canvas.DrawImage(image, left, top);
    }

    private static Plot ErrorPanel(PerplexityRow row, CertificateGrid grid)
    {
        double? target = row.Certificate!.TargetError;
        // Without a target, or with nothing probed, white is the median or the default target.
        double centre = target ?? (row.Certificate.MedianError is double median && median > 0 ? median : 0.1);
        string white = target is null ? $"median {Number(centre)}" : $"target ε = {Number(centre)}";
        Plot plot = PlotStyle.Create($"{row.Name}, {white}: certified relative error (estimate)", "layer", "head");
        double[] factors = [0.25, 0.5, 1, 2, 4];
        var ticks = new NumericManual(
            [.. factors.Select(Math.Log2)],
            [.. factors.Select(factor => (factor == 0.25 ? "≤ " : factor == 4 ? "≥ " : "") + Number(factor * centre))]);
        double[,] errors = grid.Values((column, head) => Math.Log2(Math.Clamp(grid.Error(column, head) / centre, 1 / ErrorRange, ErrorRange)));
        var range = new ScottPlot.Range(-Math.Log2(ErrorRange), Math.Log2(ErrorRange));
        AddMap(plot, grid, errors, new ScottPlot.Colormaps.Balance(), range, ticks);
        for (int column = 0; column < grid.Layers.Length; column++)
        {
            for (int head = 0; head < grid.Heads; head++)
            {
                string mark = grid.Is(HeadState.Unmet, column, head) ? "×" : grid.Is(HeadState.Exact, column, head) ? "□" : "";
                AddText(plot, mark, column, grid.Heads - 1 - head, 14, Math.Abs(errors[head, column]) > 1 ? Colors.White : Colors.Black);
            }
        }
        return plot;
    }

    private static Plot BudgetPanel(PerplexityRow row, CertificateGrid grid)
    {
        Plot plot = PlotStyle.Create($"{row.Name}: interactions ÷ exact's, {Number(row.Budget)} in all", "layer", "head");
        double[,] budgets = grid.Values(grid.Budget);
        double most = Math.Max(0.01, budgets.Cast<double>().Max());
        AddMap(
            plot, grid, budgets, new ScottPlot.Colormaps.Viridis(), new ScottPlot.Range(0, most), new NumericAutomatic { TargetTickCount = 5 });
        for (int column = 0; column < grid.Layers.Length; column++)
        {
            for (int head = 0; head < grid.Heads; head++)
            {
                string share = ShareLabel(grid.Share(column, head));
                AddText(plot, share, column, grid.Heads - 1 - head, 10, budgets[head, column] > 0.6 * most ? Colors.Black : Colors.White);
            }
        }
        return plot;
    }

    /// <summary>log₂ of a share, which fits into a cell.</summary>
    private static string ShareLabel(double? share) => share switch
    {
        null => "all",
        >= 1 => "–",
        double some => Math.Log2(some).ToString("F0", CultureInfo.InvariantCulture),
    };

    private static void AddMap(
        Plot plot, CertificateGrid grid, double[,] values, IColormap colours, ScottPlot.Range range, ITickGenerator ticks)
    {
        if (values.Cast<double>().All(double.IsNaN))
        {
            // The library draws no map without a number.
            plot.DataBackground.Color = Colors.LightGray;
        }
        else
        {
            Heatmap map = plot.Add.Heatmap(values);
            map.Colormap = colours;
            map.ManualRange = range;
            map.NaNCellColor = Colors.LightGray;
            AddBar(plot, map, ticks);
        }
        plot.HideGrid();
        plot.Axes.SetLimits(-0.5, grid.Layers.Length - 0.5, -0.5, grid.Heads - 0.5);
        plot.Axes.Bottom.TickGenerator = Ticks([.. grid.Layers.Select((layer, column) => (column, layer))], most: 32);
        plot.Axes.Left.TickGenerator = Ticks([.. Enumerable.Range(0, grid.Heads).Select(head => (grid.Heads - 1 - head, head))], most: 40);
        plot.Axes.Title.Label.FontSize = 16;
    }

    private static NumericManual Ticks((int Position, int Label)[] all, int most)
    {
        (int Position, int Label)[] shown = [.. all.Where((_, i) => i % ((all.Length + most - 1) / most) == 0)];
        return new NumericManual(
            [.. shown.Select(tick => (double)tick.Position)], [.. shown.Select(tick => tick.Label.ToString(CultureInfo.InvariantCulture))]);
    }

    private static void AddBar(Plot plot, Heatmap map, ITickGenerator ticks)
    {
        ColorBar bar = plot.Add.ColorBar(map);
        bar.Axis.TickGenerator = ticks;
        bar.Axis.TickLabelStyle.FontName = BundledFont.Name;
        bar.Axis.TickLabelStyle.FontSize = 13;
    }

    private static void AddText(Plot plot, string text, double x, double y, float size, Color colour)
    {
        if (text.Length == 0)
        {
            return;
        }
        var label = plot.Add.Text(text, x, y);
        label.LabelFontName = BundledFont.Name;
        label.LabelFontSize = size;
        label.LabelFontColor = colour;
        label.LabelAlignment = Alignment.MiddleCenter;
    }

    private static void Write(SKCanvas canvas, string text, float size, float baseline)
    {
        using var font = new SKFont(BundledFont.Face, size);
        using var paint = new SKPaint { Color = SKColors.Black, IsAntialias = true };
        canvas.DrawText(text, 24, baseline, SKTextAlign.Left, font, paint);
    }

    private static string Number(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);
}
