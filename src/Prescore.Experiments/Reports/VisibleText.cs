using System.Globalization;
using System.Text;

namespace Prescore.Experiments.Reports;

/// <summary>
/// Text from a file as it may be shown. Characters that a terminal or a viewer would obey instead of showing (controls, line
/// and paragraph separators, changes of the writing direction) and halves of surrogate pairs appear as <c>\u001b</c>: the
/// escapes of JSON, so that a document stays what it was.
/// </summary>
public static class VisibleText
{
    /// <summary>For one line, as a cell, a label or a message: line breaks and tabs are escaped too.</summary>
    public static string Line(string text) => Escape(text, keepLayout: false);

    /// <summary>For a whole output: line breaks and tabs stay.</summary>
    public static string Lines(string text) => Escape(text, keepLayout: true);

    private static string Escape(string text, bool keepLayout)
    {
        int first = 0;
        while (first < text.Length && IsShown(text, first, keepLayout))
        {
            first++;
        }
        if (first == text.Length)
        {
            return text;
        }
        var shown = new StringBuilder(text, 0, first, text.Length + 16);
        for (int i = first; i < text.Length; i++)
        {
            if (IsShown(text, i, keepLayout))
            {
                shown.Append(text[i]);
            }
            else
            {
                shown.Append(CultureInfo.InvariantCulture, $"\\u{(int)text[i]:x4}");
            }
        }
        return shown.ToString();
    }

    private static bool IsShown(string text, int index, bool keepLayout) => text[index] switch
    {
        '\n' or '\t' => keepLayout,
        '\r' => keepLayout && index + 1 < text.Length && text[index + 1] == '\n',
        >= ' ' and < '\u007F' => true,
        char character when char.IsHighSurrogate(character) => index + 1 < text.Length && char.IsLowSurrogate(text[index + 1]),
        char character when char.IsLowSurrogate(character) => index > 0 && char.IsHighSurrogate(text[index - 1]),
        '\u061C' or '\u200E' or '\u200F' or (>= '\u202A' and <= '\u202E') or (>= '\u2066' and <= '\u2069') => false,
        char character => char.GetUnicodeCategory(character)
            is not (UnicodeCategory.Control or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator),
    };
}
