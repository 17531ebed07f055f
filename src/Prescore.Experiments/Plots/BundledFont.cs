using ScottPlot;
using SkiaSharp;

namespace Prescore.Experiments.Plots;

/// <summary>The font of all plots, embedded: a bare server or container has none, and labels would be empty boxes.</summary>
internal sealed class BundledFont : IFontResolver
{
    /// <summary>The font's name for ScottPlot.</summary>
    public const string Name = "DejaVu Sans";

    private static readonly Lazy<SKTypeface> Typeface = new(Load);

    private BundledFont()
    {
    }

    /// <summary>The font itself, for text outside a plot.</summary>
    public static SKTypeface Face => Typeface.Value;

    /// <summary>Makes the font known to ScottPlot; once a process.</summary>
    public static void Register() => Fonts.FontResolvers.Insert(0, new BundledFont());

    /// <inheritdoc/>
    public SKTypeface? CreateTypeface(string fontName, bool bold, bool italic) =>
        fontName == Name ? Typeface.Value : null;

    /// <inheritdoc/>
    public SKTypeface? CreateTypeface(string fontName, FontWeight weight, FontSlant slant, FontSpacing spacing) =>
        fontName == Name ? Typeface.Value : null;

    private static SKTypeface Load()
    {
        using Stream stream = typeof(BundledFont).Assembly.GetManifestResourceStream("DejaVuSans.ttf")!;
        return SKTypeface.FromStream(stream);
    }
}
