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
            int length = ParseOne(part, text);
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

    private static int ParseOne(string part, string whole)
    {
        bool thousands = part.EndsWith('k') || part.EndsWith('K');
        string digits = thousands ? part[..^1] : part;
        if (int.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out int value)
            && value >= 1 && value <= int.MaxValue / 1024)
        {
            return thousands ? value * 1024 : value;
        }
        throw new BadInputException($"--lengths '{whole}': '{part}' is no length; write 1k,2k,4096 or 1k,2k,...,32k");
    }
}
