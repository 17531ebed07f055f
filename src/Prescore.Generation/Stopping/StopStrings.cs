namespace Prescore.Generation.Stopping;

/// <summary>
/// Ends a text before the first of some strings, wherever the borders of tokens lie: text that may be the beginning of
/// one is held back until it is known. Belongs to one text.
/// </summary>
/// <param name="strings">The strings; none is empty.</param>
public sealed class StopStrings(IReadOnlyList<string> strings)
{
    private string _held = "";

    /// <summary>Whether one of the strings was found; nothing comes after it.</summary>
    public bool Found { get; private set; }

    /// <summary>Takes the next piece of text.</summary>
    /// <returns>The text that is certain to come before any of the strings.</returns>
    public string Append(string text)
    {
        if (Found)
        {
            return "";
        }
        string all = _held + text;
        int end = strings.Select(stop => all.IndexOf(stop, StringComparison.Ordinal)).Where(at => at >= 0).DefaultIfEmpty(-1).Min();
        if (end >= 0)
        {
            (Found, _held) = (true, "");
            return all[..end];
        }
        int held = strings.Select(stop => LongestBeginning(all, stop)).DefaultIfEmpty(0).Max();
        _held = all[^held..];
        return all[..^held];
    }

    /// <summary>Ends the text: what was held back after all.</summary>
    public string Flush()
    {
        (string held, _held) = (_held, "");
        return held;
    }

    /// <summary>Characters at the end of a text that are the beginning of a string, but not all of it.</summary>
    private static int LongestBeginning(string text, string stop)
    {
        for (int length = Math.Min(text.Length, stop.Length - 1); length > 0; length--)
        {
            if (text.AsSpan(text.Length - length).SequenceEqual(stop.AsSpan(0, length)))
            {
                return length;
            }
        }
        return 0;
    }
}
