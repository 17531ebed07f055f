namespace Prescore.Specs;

/// <summary>
/// A method or scorer with options in one short grammar: <c>name[:key=value[,key=value]…]</c>, such as
/// <c>prescored:scorer=kmeans,s=256,w=64,inner=exact</c>. Names and keys are lower-case. A method reads it by its <see cref="MethodOptions{TSettings}"/>.
/// </summary>
public sealed class MethodSpec
{
    private readonly OrderedDictionary<string, string> _options;

    private MethodSpec(string name, OrderedDictionary<string, string> options)
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
        var options = new OrderedDictionary<string, string>(StringComparer.Ordinal);
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

    /// <summary>Names of the options that are given, in their order.</summary>
    public IEnumerable<string> Names => _options.Select(option => option.Key);

    /// <summary>The text of an option, or null where it is not given.</summary>
    public string? this[string option] => _options.GetValueOrDefault(option);

    /// <summary>Whether an option is given.</summary>
    public bool Has(string option) => _options.ContainsKey(option);
}
