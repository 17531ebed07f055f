using System.Text;

namespace Prescore.Generation.Chat.Jinja;

/// <summary>Methods of texts, as in Python.</summary>
internal static class TextMethods
{
    private static readonly Dictionary<string, Func<string, CallArguments, object?>> Known = new(StringComparer.Ordinal)
    {
        ["strip"] = (text, arguments) => Strip(text, arguments, start: true, end: true),
        ["lstrip"] = (text, arguments) => Strip(text, arguments, start: true, end: false),
        ["rstrip"] = (text, arguments) => Strip(text, arguments, start: false, end: true),
        ["split"] = Split,
        ["startswith"] = (text, arguments) => Affixes(arguments).Any(affix => text.StartsWith(affix, StringComparison.Ordinal)),
        ["endswith"] = (text, arguments) => Affixes(arguments).Any(affix => text.EndsWith(affix, StringComparison.Ordinal)),
        ["replace"] = Replace,
        ["upper"] = (text, _) => text.ToUpperInvariant(),
        ["lower"] = (text, _) => text.ToLowerInvariant(),
        ["title"] = (text, _) => Title(text),
        ["capitalize"] = (text, _) => Capitalize(text),
        ["join"] = (text, arguments) => Join(Values.Items(arguments.Take("iterable")), text, arguments.Budget),
    };

    /// <summary>A method by its name; null: there is none.</summary>
    public static Func<string, CallArguments, object?>? Find(string name) => Known.GetValueOrDefault(name);

    /// <summary>A text without white space, or the given characters, at its ends.</summary>
    public static string Strip(string text, CallArguments arguments, bool start, bool end)
    {
        string? characters = arguments.Take("chars", null) is { } given ? given as string ?? throw new JinjaException($"'{arguments.Function}' of {Values.Describe(given)}") : null;
        int from = 0, to = text.Length;
        while (start && from < to && Drops(text[from]))
        {
            from++;
        }
        while (end && to > from && Drops(text[to - 1]))
        {
            to--;
        }
        return text[from..to];

        bool Drops(char each) => characters?.Contains(each) ?? IsSpace(each);
    }

    /// <summary>A text with parts of it replaced by others.</summary>
    public static string Replace(string text, CallArguments arguments)
    {
        string old = arguments.TakeText("old"), replacement = arguments.TakeText("new");
        if (old.Length == 0)
        {
            throw new JinjaException("'replace' of an empty text");
        }
        int count = 0;
        for (int at = text.IndexOf(old, StringComparison.Ordinal); at >= 0; at = text.IndexOf(old, at + old.Length, StringComparison.Ordinal))
        {
            count++;
        }
        arguments.Budget.Charge((long)count * replacement.Length);
        return text.Replace(old, replacement, StringComparison.Ordinal);
    }

    /// <summary>Values one after the other.</summary>
    public static string Join(IReadOnlyList<object?> items, string separator, RenderBudget budget)
    {
        var joined = new StringBuilder();
        for (int i = 0; i < items.Count; i++)
        {
            string item = Values.Text(items[i]);
            budget.Charge(item.Length + separator.Length);
            joined.Append(i > 0 ? separator : "").Append(item);
        }
        return joined.ToString();
    }

    /// <summary>A text whose first letter is a capital and all others small.</summary>
    public static string Capitalize(string text) => text.Length == 0 ? "" : char.ToUpperInvariant(text[0]) + text[1..].ToLowerInvariant();

    /// <summary>A text in which every word is capitalised.</summary>
    private static string Title(string text)
    {
        char[] letters = text.ToCharArray();
        for (int i = 0; i < letters.Length; i++)
        {
            letters[i] = i > 0 && char.IsLetter(letters[i - 1]) ? char.ToLowerInvariant(letters[i]) : char.ToUpperInvariant(letters[i]);
        }
        return new string(letters);
    }

    private static string[] Split(string text, CallArguments arguments)
    {
        object? separator = arguments.Take("sep", null);
        long most = arguments.TakeNumber("maxsplit", -1);
        int parts = most is < 0 or >= int.MaxValue ? int.MaxValue : (int)most + 1;
        return separator switch
        {
            string { Length: > 0 } given => text.Split(given, parts),
            null when most < 0 => Words(text),
            _ => throw new JinjaException("'split' with such arguments"),
        };
    }

    private static string[] Words(string text)
    {
        var words = new List<string>();
        int start = 0;
        for (int i = 0; i <= text.Length; i++)
        {
            if (i == text.Length || IsSpace(text[i]))
            {
                words.AddRange(i > start ? [text[start..i]] : []);
                start = i + 1;
            }
        }
        return [.. words];
    }

    private static string[] Affixes(CallArguments arguments) => arguments.Take("affix") switch
    {
        string one => [one],
        IReadOnlyList<object?> many => [.. many.OfType<string>()],
        var other => throw new JinjaException($"'{arguments.Function}' of {Values.Describe(other)}"),
    };

    /// <summary>White space as Python knows it, which counts four separators more than .NET.</summary>
    private static bool IsSpace(char each) => char.IsWhiteSpace(each) || each is >= '\x1c' and <= '\x1f';
}
