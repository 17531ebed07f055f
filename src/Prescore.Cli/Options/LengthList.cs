using System.Globalization;
using Prescore.Experiments;

namespace Prescore.Cli.Options;

/// <summary>A list of lengths such as <c>1k,2k,4096</c> or <c>1k,2k,...,32k</c>; k stands for 1,024.</summary>
internal static class LengthList
{
    /// <summary>Parses a list.</summary>
    /// <exception cref="BadInputException">Not a list of rising lengths.</exception>
    public static int[] Parse(string text)
    {
        var lengths = new List<int>();
        bool fill = false;
        foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
        {
            if (part is "..." or "…" && lengths.Count >= 2 && !fill)
            {
                fill = true;
                continue;
            }
            int length = TryParse(part, out int parsed)
                ? parsed
                : throw new BadInputException($"--lengths '{text}': '{part}' is no length; write 1k,2k,4096 or 1k,2k,...,32k");
            if (fill)
            {
                AddPowers(lengths, length);
                fill = false;
            }
            if (lengths.Count > 0 && length <= lengths[^1])
            {
                throw new BadInputException($"--lengths '{text}': {part} does not come after {lengths[^1]} (lengths rise)");
            }
            lengths.Add(length);
        }
        return fill ? throw new BadInputException($"--lengths '{text}' ends with dots; name the last length") : [.. lengths];
    }

    /// <summary>Goes on with the ratio of the last two lengths until the next one would reach the end.</summary>
    private static void AddPowers(List<int> lengths, int end)
    {
        double ratio = (double)lengths[^1] / lengths[^2];
        for (double next = lengths[^1] * ratio; Math.Round(next) < end; next *= ratio)
        {
            lengths.Add((int)Math.Round(next));
        }
    }

    /// <summary>Parses one length.</summary>
    /// <param name="option">The option that has it, for the message.</param>
    /// <param name="text">The length.</param>
    /// <exception cref="BadInputException">Not a length.</exception>
    public static int ParseOne(string option, string text) =>
        TryParse(text, out int length) ? length : throw new BadInputException($"{option} '{text}' is no length; write 4096 or 4k");

    private static bool TryParse(string text, out int length)
    {
        bool thousands = text.EndsWith('k') || text.EndsWith('K');
        string digits = thousands ? text[..^1] : text;
        bool valid = int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int value) && value >= 1 && value <= int.MaxValue / 1024;
        length = thousands ? value * 1024 : value;
        return valid;
    }
}
