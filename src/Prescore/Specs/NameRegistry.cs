using System.Text.RegularExpressions;

namespace Prescore.Specs;

/// <summary>What is known by name in specs, in the order in which it was added. Safe for concurrent use.</summary>
/// <param name="what">What kind of thing it is, such as "method".</param>
/// <param name="builtIn">What is there from the start.</param>
internal sealed partial class NameRegistry<T>(string what, IEnumerable<(string Name, T Entry)> builtIn)
{
    private readonly Lock _lock = new();
    private volatile (string Name, T Entry)[] _entries = [.. builtIn];

    /// <summary>All names.</summary>
    public string[] Names => [.. _entries.Select(entry => entry.Name)];

    /// <summary>All entries.</summary>
    public T[] Entries => [.. _entries.Select(entry => entry.Entry)];

    /// <summary>Adds an entry.</summary>
    /// <exception cref="ArgumentException">The name is taken or no name of a spec.</exception>
    public void Add(string name, T entry)
    {
        if (!SpecName().IsMatch(name))
        {
            throw new ArgumentException($"'{name}' is no name for a {what}: lower-case letters, digits and dashes", nameof(name));
        }
        lock (_lock)
        {
            if (Names.Contains(name))
            {
                throw new ArgumentException($"there is a {what} '{name}' already", nameof(name));
            }
            _entries = [.. _entries, (name, entry)];
        }
    }

    /// <summary>The entry of a name.</summary>
    /// <exception cref="MethodSpecException">Unknown, named with the nearest known one.</exception>
    public T Find(string name)
    {
        foreach ((string known, T entry) in _entries)
        {
            if (known == name)
            {
                return entry;
            }
        }
        throw MethodSpecException.Unknown(what, name, Names);
    }

    [GeneratedRegex("^[a-z][a-z0-9-]*$")]
    private static partial Regex SpecName();
}
