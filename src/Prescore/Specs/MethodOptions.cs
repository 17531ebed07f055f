using System.Globalization;

namespace Prescore.Specs;

/// <summary>
/// The options of a method, each once: name, range, meaning and the setting that it stands for. A spec is read by it, the
/// full spec is printed by it, and help and documentation list it. The defaults are those of a settings object.
/// </summary>
/// <typeparam name="TSettings">The method's settings, immutable: a record.</typeparam>
/// <param name="method">Name of the method in specs.</param>
/// <param name="summary">What it computes, a phrase without a full stop.</param>
/// <param name="defaults">The settings of a spec without options.</param>
/// <param name="example">A spec to start from, which help shows; null: the name alone.</param>
public sealed class MethodOptions<TSettings>(string method, string summary, TSettings defaults, string? example = null)
    : OptionTable(method, summary, example)
{
    private readonly List<Entry> _entries = [];

    /// <inheritdoc/>
    public override IReadOnlyList<MethodOption> Options => [.. _entries.Select(entry => entry.Option)];

    /// <summary>Adds an integer.</summary>
    /// <param name="name">Name of the option.</param>
    /// <param name="meaning">What it sets, a phrase without a full stop.</param>
    /// <param name="get">The setting; null: it is not set, and does not stand in the full spec.</param>
    /// <param name="set">The settings with another value.</param>
    /// <param name="minimum">Smallest value.</param>
    /// <param name="maximum">Largest value.</param>
    /// <param name="step">What every value is a multiple of.</param>
    public MethodOptions<TSettings> Integer(
        string name, string meaning, Func<TSettings, int?> get, Func<TSettings, int, TSettings> set, int minimum = 0, int maximum = int.MaxValue, int step = 1)
    {
        string range = step > 1 ? $"a multiple of {step} from {minimum} to {maximum}"
            : $"an integer of at least {minimum}" + (maximum < int.MaxValue ? $" and at most {maximum}" : "");
        return Add(name, meaning, range, settings => get(settings)?.ToString(CultureInfo.InvariantCulture), (settings, text) =>
            int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out int value) && value >= minimum && value <= maximum && value % step == 0
                ? set(settings, value)
                : throw OutOfRange(name, text, range));
    }

    /// <summary>Adds a number above 0.</summary>
    /// <inheritdoc cref="Integer"/>
    public MethodOptions<TSettings> Fraction(
        string name, string meaning, Func<TSettings, double?> get, Func<TSettings, double, TSettings> set, double maximum = 1)
    {
        string range = string.Create(CultureInfo.InvariantCulture, $"above 0 and at most {maximum}");
        return Add(name, meaning, range, settings => get(settings)?.ToString(CultureInfo.InvariantCulture), (settings, text) =>
            double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value > 0 && value <= maximum
                ? set(settings, value)
                : throw OutOfRange(name, text, range));
    }

    /// <summary>Adds an option with a fixed set of words.</summary>
    /// <param name="name">Name of the option.</param>
    /// <param name="meaning">What it sets, a phrase without a full stop.</param>
    /// <param name="get">The setting.</param>
    /// <param name="set">The settings with another value.</param>
    /// <param name="choices">The words and what they stand for.</param>
    public MethodOptions<TSettings> Choice<TValue>(
        string name, string meaning, Func<TSettings, TValue> get, Func<TSettings, TValue, TSettings> set, params (string Word, TValue Value)[] choices)
        where TValue : notnull
    {
        string[] words = [.. choices.Select(choice => choice.Word)];
        return Add(
            name,
            meaning,
            string.Join(" or ", words.Select(word => $"`{word}`")),
            settings => choices.First(choice => choice.Value.Equals(get(settings))).Word,
            (settings, text) => Array.IndexOf(words, text) is int index and >= 0
                ? set(settings, choices[index].Value)
                : throw MethodSpecException.Unknown($"{name} of method '{Method}'", text, words));
    }

    /// <summary>Adds an option whose values have names.</summary>
    /// <param name="name">Name of the option.</param>
    /// <param name="meaning">What it sets, a phrase without a full stop.</param>
    /// <param name="range">The values that are allowed, in words.</param>
    /// <param name="get">Name of the setting.</param>
    /// <param name="set">The settings with another value; throws <see cref="MethodSpecException"/> where there is none of the name.</param>
    public MethodOptions<TSettings> Named(
        string name, string meaning, string range, Func<TSettings, string> get, Func<TSettings, string, TSettings> set) =>
        Add(name, meaning, range, get, set);

    /// <summary>Adds the options of another method, which a part of the settings stands for.</summary>
    /// <param name="part">The other method's options.</param>
    /// <param name="condition">The option that they go with, such as <c>inner=hyper</c>.</param>
    /// <param name="applies">Whether settings fulfil it.</param>
    /// <param name="get">The part.</param>
    /// <param name="set">The settings with another part.</param>
    public MethodOptions<TSettings> Include<TPart>(
        MethodOptions<TPart> part, string condition, Func<TSettings, bool> applies, Func<TSettings, TPart> get, Func<TSettings, TPart, TSettings> set)
    {
        foreach (MethodOptions<TPart>.Entry entry in part._entries)
        {
            Add(
                entry.Option.Name,
                entry.Option.Meaning,
                entry.Option.Range,
                settings => entry.Print(get(settings)),
                (settings, text) => set(settings, entry.Read(get(settings), text)));
            GoesWith(condition, applies);
        }
        return this;
    }

    /// <summary>The option added last is allowed, and stands in the full spec, only with another one.</summary>
    /// <param name="condition">The other option, such as <c>inner=hyper</c>.</param>
    /// <param name="applies">Whether settings fulfil it.</param>
    public MethodOptions<TSettings> GoesWith(string condition, Func<TSettings, bool> applies) =>
        Change(last => last with { Option = last.Option with { Condition = condition }, Applies = applies });

    /// <summary>The option added last stands in the full spec only where it differs from its default.</summary>
    public MethodOptions<TSettings> LeftOutByDefault() => Change(last => last with { LeftOutByDefault = true });

    /// <summary>The option added last is one for experiments.</summary>
    public MethodOptions<TSettings> ForResearch() => Change(last => last with { Option = last.Option with { ForResearch = true } });

    /// <summary>The default of the option added last in other words than its value.</summary>
    public MethodOptions<TSettings> WithDefault(string words) => Change(last => last with { Option = last.Option with { Default = words } });

    /// <summary>The settings of a spec.</summary>
    /// <exception cref="MethodSpecException">An option is unknown, out of its range, or goes with another one that is not there.</exception>
    public TSettings Read(MethodSpec spec)
    {
        string[] names = [.. _entries.Select(entry => entry.Option.Name)];
        if (spec.Names.FirstOrDefault(name => !names.Contains(name)) is string unknown)
        {
            throw MethodSpecException.Unknown($"option of method '{spec.Name}'", unknown, names);
        }
        TSettings settings = defaults;
        foreach (Entry entry in _entries)
        {
            if (spec[entry.Option.Name] is string text)
            {
                settings = entry.Read(settings, text);
            }
        }
        return _entries.FirstOrDefault(entry => spec[entry.Option.Name] is not null && !entry.Applies(settings)) is Entry misplaced
            ? throw new MethodSpecException($"option '{misplaced.Option.Name}' of method '{spec.Name}' goes with {misplaced.Option.Condition}")
            : settings;
    }

    /// <summary>The full spec of settings, all sizes explicit.</summary>
    public string Print(TSettings settings)
    {
        IEnumerable<string> options =
            from entry in _entries
            let text = entry.Applies(settings) ? entry.Print(settings) : null
            where text is not null && !(entry.LeftOutByDefault && text == entry.Print(defaults))
            select $"{entry.Option.Name}={text}";
        string all = string.Join(',', options);
        return all.Length == 0 ? Method : $"{Method}:{all}";
    }

    private MethodOptions<TSettings> Add(
        string name, string meaning, string range, Func<TSettings, string?> print, Func<TSettings, string, TSettings> read)
    {
        var option = new MethodOption(name, meaning, range, print(defaults) ?? "none", Condition: null, ForResearch: false);
        _entries.Add(new Entry(option, print, read, static _ => true, LeftOutByDefault: false));
        return this;
    }

    private MethodOptions<TSettings> Change(Func<Entry, Entry> change)
    {
        _entries[^1] = change(_entries[^1]);
        return this;
    }

    private MethodSpecException OutOfRange(string name, string text, string range) =>
        new($"option '{name}={text}' of method '{Method}' must be {range}");

    private sealed record Entry(
        MethodOption Option, Func<TSettings, string?> Print, Func<TSettings, string, TSettings> Read, Func<TSettings, bool> Applies, bool LeftOutByDefault);
}
