using System.Globalization;

namespace Prescore.Specs;

/// <summary>
/// A method or scorer with options in one short grammar: <c>name[:key=value[,key=value]…]</c>, such as
/// <c>prescored:scorer=kmeans,s=256,w=64,inner=exact</c>. Names and keys are lower-case.
/// </summary>
public sealed class MethodSpec
{
    private readonly Dictionary<string, string> _options;
    private readonly HashSet<string> _read = [];

    private MethodSpec(string name, Dictionary<string, string> options)
    {
        Name = name;
        _options = options;
    }

    /// <summary>The method's name.</summary>
    public string Name { get; }

    /// <summary>Parses a spec.</summary>
    /// <exception cref="MethodSpecException">The text does not follow the grammar.</exception>
    public static MethodSpec Parse(string text)
    {
        int colon = text.IndexOf(':');
        string name = (colon < 0 ? text : text[..colon]).Trim();
        if (name.Length == 0)
        {
            throw new MethodSpecException($"method '{text}' has no name; the form is name:key=value,key=value");
        }
        var options = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (string part in colon < 0 ? [] : text[(colon + 1)..].Split(',', StringSplitOptions.TrimEntries))
        {
            int equals = part.IndexOf('=');
            if (equals <= 0 || equals == part.Length - 1)
            {
                throw new MethodSpecException($"'{part}' in method '{text}' is not key=value");
            }
            if (!options.TryAdd(part[..equals], part[(equals + 1)..]))
            {
                throw new MethodSpecException($"option '{part[..equals]}' stands twice in method '{text}'");
            }
        }
        return new MethodSpec(name, options);
    }

    /// <summary>An integer option, or null where it is absent.</summary>
    /// <exception cref="MethodSpecException">Not an integer, or below <paramref name="minimum"/>.</exception>
    public int? Integer(string key, int minimum)
    {
        if (!Take(key, out string? text))
        {
            return null;
        }
        if (!int.TryParse(text, NumberStyles.Integer, CultureInfo.InvariantCulture, out int value) || value < minimum)
        {
            throw new MethodSpecException($"option '{key}={text}' of method '{Name}' must be an integer of at least {minimum}");
        }
        return value;
    }

    /// <summary>A fraction option above 0 and at most <paramref name="maximum"/>, or null where it is absent.</summary>
    /// <exception cref="MethodSpecException">Not a number in that range.</exception>
    public double? Fraction(string key, double maximum = 1)
    {
        if (!Take(key, out string? text))
        {
            return null;
        }
        if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) || !(value > 0 && value <= maximum))
        {
            throw new MethodSpecException($"option '{key}={text}' of method '{Name}' must be above 0 and at most {maximum.ToString(CultureInfo.InvariantCulture)}");
        }
        return value;
    }

    /// <summary>A text option, or null where it is absent.</summary>
    public string? Text(string key) => Take(key, out string? text) ? text : null;

    /// <summary>An option with a fixed set of values; absent: the first of them.</summary>
    /// <exception cref="MethodSpecException">Another value, named with the nearest allowed one.</exception>
    public string Choice(string key, params ReadOnlySpan<string> values)
    {
        if (!Take(key, out string? text))
        {
            return values[0];
        }
        foreach (string value in values)
        {
            if (value == text)
            {
                return value;
            }
        }
        throw MethodSpecException.Unknown($"{key} of method '{Name}'", text, values);
    }

    /// <summary>Call after all options were read: refuses the ones nobody asked for.</summary>
    /// <exception cref="MethodSpecException">An unknown option, named with the nearest known one.</exception>
    public void RefuseUnread(params ReadOnlySpan<string> known)
    {
        foreach (string key in _options.Keys)
        {
            if (!_read.Contains(key))
            {
                throw MethodSpecException.Unknown($"option of method '{Name}'", key, known);
            }
        }
    }

    private bool Take(string key, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out string? text)
    {
        _read.Add(key);
        return _options.TryGetValue(key, out text);
    }
}
