namespace Prescore.Generation.Chat.Jinja;

/// <summary>Methods of mappings, as in Python.</summary>
internal static class MappingMethods
{
    /// <summary>A method of a mapping by its name; null: there is none.</summary>
    public static Function? Find(Mapping mapping, string name) => name switch
    {
        "items" => _ => Pairs(mapping),
        "keys" => _ => mapping.Keys.ToArray<object?>(),
        "values" => _ => mapping.Values.ToArray(),
        "get" => arguments => Get(mapping, arguments),
        _ => null,
    };

    /// <summary>Keys and values, each a list of two.</summary>
    public static object?[] Pairs(Mapping mapping) => [.. mapping.Select(pair => new object?[] { pair.Key, pair.Value })];

    private static object? Get(Mapping mapping, CallArguments arguments)
    {
        string key = arguments.TakeText("key");
        object? otherwise = arguments.Take("default", null);
        return mapping.TryGetValue(key, out object? value) ? value : otherwise;
    }
}
