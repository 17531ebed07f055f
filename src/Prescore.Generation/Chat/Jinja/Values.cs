using System.Globalization;

namespace Prescore.Generation.Chat.Jinja;

/// <summary>What a name that stands for nothing evaluates to.</summary>
/// <param name="Name">The name.</param>
internal sealed record Undefined(string Name);

/// <summary>Values by their names, in the order in which they were put in.</summary>
internal sealed class Mapping : OrderedDictionary<string, object?>
{
    public Mapping() : base(StringComparer.Ordinal)
    {
    }
}

/// <summary>A mapping whose values statements can set: <c>namespace()</c>.</summary>
internal sealed class Namespace
{
    /// <summary>The values.</summary>
    public Mapping Values { get; } = [];
}

/// <summary>Something that can be called.</summary>
internal delegate object? Function(CallArguments arguments);

/// <summary>
/// Values of templates and what Python says of them: <see cref="string"/>, <see cref="long"/>, <see cref="bool"/>, null
/// (<c>none</c>), <see cref="IReadOnlyList{T}"/> of values, <see cref="Mapping"/>, <see cref="Namespace"/>,
/// <see cref="Function"/> and <see cref="Undefined"/>.
/// </summary>
internal static class Values
{
    /// <summary>Whether a condition holds.</summary>
    public static bool IsTrue(object? value) => value switch
    {
        null or Undefined => false,
        bool truth => truth,
        long number => number != 0,
        string text => text.Length > 0,
        IReadOnlyList<object?> list => list.Count > 0,
        Mapping mapping => mapping.Count > 0,
        _ => true,
    };

    /// <summary>Whether two values are equal.</summary>
    public static bool AreEqual(object? left, object? right) => (left, right) switch
    {
        (Undefined, Undefined) => true,
        (IReadOnlyList<object?> first, IReadOnlyList<object?> second) when first.Count == 0 || second.Count == 0 => first.Count == second.Count,
        (IReadOnlyList<object?> or Mapping, IReadOnlyList<object?> or Mapping) => throw new JinjaException($"comparing {Describe(left)} with {Describe(right)}"),
        _ => Equals(Number(left) ?? left, Number(right) ?? right),
    };

    /// <summary>Whether a value is in a list, a mapping or a text.</summary>
    public static bool IsIn(object? item, object? container) => (item, container) switch
    {
        (string part, string text) => text.Contains(part, StringComparison.Ordinal),
        (string key, Mapping mapping) => mapping.ContainsKey(key),
        (_, IReadOnlyList<object?> list) => list.Any(each => AreEqual(each, item)),
        (_, Undefined) => false,
        _ => throw new JinjaException($"looking for {Describe(item)} in {Describe(container)}"),
    };

    /// <summary>The order of two values: negative, zero or positive.</summary>
    public static int Compare(object? left, object? right) =>
        left is string first && right is string second ? string.CompareOrdinal(first, second)
        : Number(left) is long less && Number(right) is long more ? less.CompareTo(more)
        : throw new JinjaException($"comparing {Describe(left)} with {Describe(right)}");

    /// <summary>A value as it is written.</summary>
    public static string Text(object? value) => value switch
    {
        string text => text,
        null => "None",
        bool truth => truth ? "True" : "False",
        long number => number.ToString(CultureInfo.InvariantCulture),
        Undefined => "",
        _ => throw new JinjaException($"writing {Describe(value)}"),
    };

    /// <summary>What a loop goes through.</summary>
    public static IReadOnlyList<object?> Items(object? value) => value switch
    {
        IReadOnlyList<object?> list => list,
        Mapping mapping => [.. mapping.Keys],
        string text => Characters(text),
        Undefined => [],
        _ => throw new JinjaException($"going through {Describe(value)}"),
    };

    /// <summary>The characters of a text; a pair of surrogates is one.</summary>
    public static string[] Characters(string text) => [.. text.EnumerateRunes().Select(rune => rune.ToString())];

    /// <summary>A number, or a truth value as Python counts with it; null: neither.</summary>
    public static long? Number(object? value) => value switch
    {
        long number => number,
        bool truth => truth ? 1 : 0,
        _ => null,
    };

    /// <summary>What sort of value it is, for messages.</summary>
    public static string Describe(object? value) => value switch
    {
        null => "none",
        string => "a text",
        bool => "a truth value",
        long => "a number",
        IReadOnlyList<object?> => "a list",
        Mapping or Namespace => "a mapping",
        Undefined undefined => $"'{undefined.Name}', which is not defined",
        _ => "a function",
    };
}
