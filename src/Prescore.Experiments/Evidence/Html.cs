using System.Globalization;
using System.Xml.Linq;

namespace Prescore.Experiments.Evidence;

/// <summary>Parts of the page; text is escaped by the XML classes.</summary>
internal static class Html
{
    /// <summary>An element with attributes written <c>name=value</c> and content.</summary>
    public static XElement Element(string name, string? cssClass, params object?[] content)
    {
        // Content that is not empty text keeps the writer from closing the tag in itself, which HTML reads as open.
        var element = new XElement(name, "", content);
        if (cssClass is not null)
        {
            element.SetAttributeValue("class", cssClass);
        }
        return element;
    }

    /// <summary>A paragraph.</summary>
    public static XElement Paragraph(params object?[] content) => Element("p", null, content);

    /// <summary>A table that scrolls by itself where it is too wide; the first column is text, the others are numbers.</summary>
    public static XElement Table(string caption, IEnumerable<string> columns, IEnumerable<IEnumerable<string>> rows) =>
        Element("div", "wide", Element(
            "table",
            null,
            Element("caption", null, caption),
            Element("thead", null, Element("tr", null, columns.Select(column => Element("th", null, new XAttribute("scope", "col"), column)))),
            Element("tbody", null, rows.Select(row => Element("tr", null, row.Select((cell, i) => i == 0
                ? Element("th", null, new XAttribute("scope", "row"), cell)
                : Element("td", null, cell)))))));

    /// <summary>A plot with its caption.</summary>
    public static XElement Figure(XElement plot, string caption) =>
        Element("figure", null, Element("div", "wide", plot), Element("figcaption", null, caption));

    public static string Fixed(double value, int digits) => double.IsFinite(value) ? value.ToString("F" + digits, CultureInfo.InvariantCulture) : "–";

    public static string Percent(double fraction) => double.IsFinite(fraction) ? Fixed(100 * fraction, 1) + " %" : "–";

    public static string Signed(double value, int digits)
    {
        string zeros = new('0', digits);
        return double.IsFinite(value) ? value.ToString($"+0.{zeros};−0.{zeros};0", CultureInfo.InvariantCulture) : "–";
    }

    public static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Seconds with about three digits that count.</summary>
    public static string Seconds(double seconds) => seconds switch
    {
        < 1 => Fixed(1000 * seconds, seconds < 0.1 ? 1 : 0) + " ms",
        < 10 => Fixed(seconds, 2) + " s",
        _ => Fixed(seconds, 1) + " s",
    };
}
