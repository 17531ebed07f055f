using ScottPlot;

namespace Prescore.Experiments.Plots;

/// <summary>What all plots of the project look like.</summary>
internal static class PlotStyle
{
    public const int Width = 1100;
    public const int Height = 680;

    // Dark enough for text on white; black is left to exact.
    private static readonly Color[] Colours =
    [
        .. new[] { "#1f77b4", "#d62728", "#2ca02c", "#9467bd", "#8c564b", "#d6519c", "#0e9aa7", "#e07b00", "#6b6b6b" }.Select(Color.FromHex),
    ];

    static PlotStyle() => BundledFont.Register();

    /// <summary>Colour of the n-th series.</summary>
    public static Color ColourOf(int series) => Colours[series % Colours.Length];

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
