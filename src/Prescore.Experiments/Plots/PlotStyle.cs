using ScottPlot;

namespace Prescore.Experiments.Plots;

/// <summary>What all plots of the project look like.</summary>
internal static class PlotStyle
{
    public const int Width = 1100;
    public const int Height = 680;

    private static readonly IPalette Colours = new ScottPlot.Palettes.ColorblindFriendly();

    static PlotStyle() => BundledFont.Register();

    /// <summary>Colour of the n-th series; black is left to exact.</summary>
    public static Color ColourOf(int series) => Colours.GetColor(series + 1);

    /// <summary>A plot with the project's fonts and grid; the title may have two lines.</summary>
    public static Plot Create(string title, string xLabel, string yLabel)
    {
        var plot = new Plot();
        plot.Title(title, size: 18);
        plot.XLabel(xLabel, size: 15);
        plot.YLabel(yLabel, size: 15);
        plot.Axes.Bottom.TickLabelStyle.FontSize = 13;
        plot.Axes.Left.TickLabelStyle.FontSize = 13;
        plot.Font.Set(BundledFont.Name);
        plot.Axes.Title.Label.Bold = plot.Axes.Bottom.Label.Bold = plot.Axes.Left.Label.Bold = false;
        plot.Grid.MajorLineColor = Colors.Black.WithOpacity(0.08);
        return plot;
    }

    public static byte[] Png(Plot plot) => plot.GetImage(Width, Height).GetImageBytes(ImageFormat.Png);
}
