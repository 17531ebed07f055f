namespace Prescore.Generation.Chat.Jinja;

/// <summary>What values hold: attributes, items, slices.</summary>
internal static class Members
{
    /// <summary>An attribute of a value; <see cref="Undefined"/>: it has none of that name.</summary>
    /// <exception cref="JinjaException">The value itself is undefined.</exception>
    public static object? Attribute(object? target, string name) => target switch
    {
        string text when TextMethods.Find(name) is { } method => Bind(text, method),
        Mapping mapping when MappingMethods.Find(mapping, name) is { } method => method,
        Mapping mapping => Value(mapping, name),
        Namespace variables => Value(variables.Values, name),
        Undefined undefined => throw new JinjaException($"'{name}' of '{undefined.Name}', which is not defined"),
        _ => new Undefined(name),
    };

    /// <summary>An item of a value; <see cref="Undefined"/>: there is none.</summary>
    /// <exception cref="JinjaException">The value itself is undefined.</exception>
    public static object? Item(object? target, object? key) => (target, key) switch
    {
        (IReadOnlyList<object?> list, long index) => At(list, index),
        (string text, long index) => At(Values.Characters(text), index),
        (Mapping mapping, string name) when mapping.TryGetValue(name, out object? value) => value,
        (_, string name) => Attribute(target, name),
        (Undefined undefined, _) => throw new JinjaException($"an item of '{undefined.Name}', which is not defined"),
        _ => new Undefined(Values.Describe(key)),
    };

    /// <summary>Every <paramref name="step"/>-th item of a part of a list or a text, with bounds as in Python.</summary>
    public static object? Slice(object? target, long? start, long? stop, long step) => target switch
    {
        _ when step == 0 => throw new JinjaException("a slice with a step of 0"),
        string text => string.Concat(Part(Values.Characters(text), start, stop, step)),
        IReadOnlyList<object?> list => Part(list, start, stop, step),
        _ => throw new JinjaException($"a slice of {Values.Describe(target)}"),
    };

    private static object?[] Part(IReadOnlyList<object?> items, long? start, long? stop, long step)
    {
        int count = items.Count;
        long first = Bound(start ?? (step > 0 ? 0 : count), count, step), end = stop is long given ? Bound(given, count, step) : step > 0 ? count : -1;
        var part = new List<object?>();
        for (long i = first; step > 0 ? i < end : i > end; i += Math.Clamp(step, -count - 1, count + 1))
        {
            part.Add(items[(int)i]);
        }
        return [.. part];
    }

    /// <summary>A bound from the beginning; backwards they are at most the last item, and before the first at the least.</summary>
    private static long Bound(long bound, int count, long step) =>
        step > 0 ? Math.Clamp(bound < 0 ? bound + count : bound, 0, count) : Math.Clamp(bound < 0 ? bound + count : bound, -1, count - 1);

    private static object? At(IReadOnlyList<object?> items, long index)
    {
        long at = index < 0 ? index + items.Count : index;
        return at >= 0 && at < items.Count ? items[(int)at] : new Undefined($"item {index}");
    }

    private static object? Value(Mapping mapping, string name) => mapping.TryGetValue(name, out object? value) ? value : new Undefined(name);

    private static Function Bind(string text, Func<string, CallArguments, object?> method) => arguments => method(text, arguments);
}
