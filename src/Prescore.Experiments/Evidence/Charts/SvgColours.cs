using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Xml.Linq;
using ScottPlot;

namespace Prescore.Experiments.Evidence.Charts;

/// <summary>
/// Turns a plot into SVG that belongs to its page: what is drawn in <see cref="Foreground"/> takes the colour of the page's
/// text, the size follows the width, and letters stand as the reader's font has them in the room that the plot left for them.
/// </summary>
internal static class SvgColours
{
    private const string Mark = "#010203";

    private static readonly XNamespace Svg = "http://www.w3.org/2000/svg";

    /// <summary>Stands for the colour of the page's text.</summary>
    public static Color Foreground { get; } = Color.FromHex(Mark);

    /// <summary>The plot as an element.</summary>
    public static XElement Render(Plot plot, int width, int height)
    {
        XElement svg = XElement.Parse(plot.GetSvgXml(width, height));
        svg.SetAttributeValue("viewBox", string.Create(CultureInfo.InvariantCulture, $"0 0 {width} {height}"));
        svg.SetAttributeValue("width", null);
        svg.SetAttributeValue("height", null);
        svg.SetAttributeValue("role", "img");
        foreach (XAttribute attribute in svg.Descendants().Attributes().Where(attribute => attribute.Name.LocalName is "fill" or "stroke" && IsForeground(attribute.Value)))
        {
            attribute.Value = "currentColor";
        }
        foreach (XElement text in svg.Descendants(Svg + "text"))
        {
            Join(text);
        }
        // The library numbers clipping paths over the whole process; several plots in one page must not share names.
        Rename(svg, number => $"{number}");
        string prefix = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(svg.ToString())))[..8];
        Rename(svg, number => $"p{prefix}-{number}");
        return svg;
    }

    /// <summary>Gives parts that are referred to new names, by their number in the plot.</summary>
    private static void Rename(XElement svg, Func<int, string> name)
    {
        XAttribute[] all = [.. svg.Descendants().Attributes()];
        XAttribute[] named = [.. all.Where(attribute => attribute.Name == "id")];
        var names = named.Select((attribute, i) => (attribute.Value, New: name(i))).ToDictionary(pair => $"url(#{pair.Value})", pair => $"url(#{pair.New})");
        foreach (XAttribute reference in all.Where(attribute => names.ContainsKey(attribute.Value)))
        {
            reference.Value = names[reference.Value];
        }
        for (int i = 0; i < named.Length; i++)
        {
            named[i].Value = name(i);
        }
    }

    /// <summary>Blending with the background may shift a part by one.</summary>
    private static bool IsForeground(string colour) => colour is Mark or "#010101" or "#000001" or "#010202" or "#000000" or "black";

    /// <summary>A place a letter becomes a start and a length.</summary>
    private static void Join(XElement text)
    {
        double[] places = [.. text.Attribute("x")!.Value.Split([',', ' '], StringSplitOptions.RemoveEmptyEntries).Select(place => double.Parse(place, CultureInfo.InvariantCulture))];
        text.SetAttributeValue("x", places[0]);
        text.SetAttributeValue("y", text.Attribute("y")!.Value.Split(',')[0]);
        text.SetAttributeValue("font-family", "DejaVu Sans, Verdana, sans-serif");
        text.Value = text.Value.Trim();
        if (places.Length > 1)
        {
            double length = (places[^1] - places[0]) * places.Length / (places.Length - 1);
            text.SetAttributeValue("textLength", length.ToString("0.#", CultureInfo.InvariantCulture));
            text.SetAttributeValue("lengthAdjust", "spacingAndGlyphs");
        }
    }
}
