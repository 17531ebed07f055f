using System.Globalization;
using System.Text;

namespace Prescore.Models.Tokenizers;

/// <summary>
/// Unicode's composed form NFC (Unicode Standard Annex 15), which some tokenizers bring texts into. Own tables, for the
/// runtime leaves texts as they are where it works without the system's culture data.
/// </summary>
internal static class ComposedForm
{
    /// <summary>Every text below this code point is composed already.</summary>
    private const char FirstOfInterest = '\u0300';

    // Hangul syllables are composed by arithmetic (chapter 3.12 of the standard).
    private const int SyllableBase = 0xAC00, LeadBase = 0x1100, VowelBase = 0x1161, TrailBase = 0x11A7;
    private const int LeadCount = 19, VowelCount = 21, TrailCount = 28;

    private static readonly Lazy<Tables> Data = new(Tables.Read);

    /// <summary>The text in composed form; lone surrogates become U+FFFD.</summary>
    public static string Of(string text) =>
        text.AsSpan().ContainsAnyExceptInRange('\0', (char)(FirstOfInterest - 1)) ? Compose(Decompose(text)) : text;

    private static List<int> Decompose(string text)
    {
        var points = new List<int>(text.Length);
        foreach (Rune rune in text.EnumerateRunes())
        {
            AppendDecomposed(rune.Value, points);
        }
        SortMarks(points);
        return points;
    }

    private static void AppendDecomposed(int point, List<int> points)
    {
        int syllable = point - SyllableBase;
        if (syllable is >= 0 and < LeadCount * VowelCount * TrailCount)
        {
            points.Add(LeadBase + syllable / (VowelCount * TrailCount));
            points.Add(VowelBase + syllable / TrailCount % VowelCount);
            if (syllable % TrailCount > 0)
            {
                points.Add(TrailBase + syllable % TrailCount);
            }
        }
        else if (Data.Value.Decompositions.TryGetValue(point, out (int First, int? Second) parts))
        {
            AppendDecomposed(parts.First, points);
            if (parts.Second is int second)
            {
                points.Add(second);
            }
        }
        else
        {
            points.Add(point);
        }
    }

    /// <summary>Marks in a row stand by their classes, those of one class in their order.</summary>
    private static void SortMarks(List<int> points)
    {
        for (int start = 0; start < points.Count; start++)
        {
            int end = start;
            for (; end < points.Count && Class(points[end]) != 0; end++)
            {
            }
            if (end - start > 1)
            {
                int[] sorted = [.. points.GetRange(start, end - start).OrderBy(Class)];
                for (int i = 0; i < sorted.Length; i++)
                {
                    points[start + i] = sorted[i];
                }
            }
            start = Math.Max(start, end - 1);
        }
    }

    private static string Compose(List<int> points)
    {
        var composed = new List<int>(points.Count);
        int starter = -1;
        foreach (int point in points)
        {
            int last = composed.Count - 1, mark = Class(point);
            // A mark is blocked from its starter by another of its class or a higher one; a starter by anything between.
            bool reaches = starter >= 0 && (last == starter || (Class(composed[last]) is int between and not 0 && between < mark));
            if (reaches && Pair(composed[starter], point) is int whole)
            {
                composed[starter] = whole;
                continue;
            }
            composed.Add(point);
            starter = mark == 0 ? composed.Count - 1 : starter;
        }
        var text = new StringBuilder(composed.Count);
        foreach (int point in composed)
        {
            text.Append(new Rune(point).ToString());
        }
        return text.ToString();
    }

    private static int? Pair(int first, int second)
    {
        int lead = first - LeadBase, vowel = second - VowelBase, syllable = first - SyllableBase, trail = second - TrailBase;
        if (lead is >= 0 and < LeadCount && vowel is >= 0 and < VowelCount)
        {
            return SyllableBase + (lead * VowelCount + vowel) * TrailCount;
        }
        if (syllable is >= 0 and < LeadCount * VowelCount * TrailCount && syllable % TrailCount == 0 && trail is > 0 and < TrailCount)
        {
            return first + trail;
        }
        return Data.Value.Compositions.TryGetValue((first, second), out int whole) ? whole : null;
    }

    private static int Class(int point) => point < FirstOfInterest ? 0 : Data.Value.Classes.GetValueOrDefault(point);

    private sealed class Tables
    {
        public Dictionary<int, int> Classes { get; } = [];

        public Dictionary<int, (int First, int? Second)> Decompositions { get; } = [];

        public Dictionary<(int First, int Second), int> Compositions { get; } = [];

        public static Tables Read()
        {
            var tables = new Tables();
            using var reader = new StreamReader(typeof(ComposedForm).Assembly.GetManifestResourceStream("CanonicalForms.txt")!);
            while (reader.ReadLine() is string line)
            {
                if (!line.StartsWith('#'))
                {
                    tables.Add(line);
                }
            }
            return tables;
        }

        private void Add(string line)
        {
            int separator = line.AsSpan().IndexOfAny('-', '=', '*');
            int point = Number(line.AsSpan(0, separator));
            string[] parts = line[(separator + 1)..].Split(' ');
            if (line[separator] == '-')
            {
                int mark = int.Parse(parts[1], CultureInfo.InvariantCulture);
                for (int last = Number(parts[0]); point <= last; point++)
                {
                    Classes[point] = mark;
                }
                return;
            }
            Decompositions[point] = (Number(parts[0]), parts.Length > 1 ? Number(parts[1]) : null);
            if (line[separator] == '=')
            {
                Compositions[(Number(parts[0]), Number(parts[1]))] = point;
            }
        }

        private static int Number(ReadOnlySpan<char> digits) => int.Parse(digits, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
