namespace Prescore.Generation.Chat.Jinja;

/// <summary>Filters: <c>value | name</c>.</summary>
internal static class Filters
{
    private static readonly Dictionary<string, Func<object?, CallArguments, object?>> Known = new(StringComparer.Ordinal)
    {
        ["trim"] = (value, arguments) => TextMethods.Strip(Values.Text(value), arguments, start: true, end: true),
        ["upper"] = (value, _) => Values.Text(value).ToUpperInvariant(),
        ["lower"] = (value, _) => Values.Text(value).ToLowerInvariant(),
        ["capitalize"] = (value, _) => TextMethods.Capitalize(Values.Text(value)),
        ["replace"] = (value, arguments) => TextMethods.Replace(Values.Text(value), arguments),
        ["string"] = (value, _) => Values.Text(value),
        ["safe"] = (value, _) => Values.Text(value),
        ["length"] = (value, _) => Length(value),
        ["count"] = (value, _) => Length(value),
        ["default"] = Default,
        ["d"] = Default,
        ["first"] = (value, _) => Values.Items(value) is [var first, ..] ? first : new Undefined("the first item"),
        ["last"] = (value, _) => Values.Items(value) is [.., var last] ? last : new Undefined("the last item"),
        ["list"] = (value, _) => Values.Items(value),
        ["reverse"] = (value, _) => value is string ? Members.Slice(value, null, null, -1) : Values.Items(value).Reverse().ToArray(),
        ["join"] = (value, arguments) => TextMethods.Join(Values.Items(value), Values.Text(arguments.Take("d", "")), arguments.Budget),
        ["items"] = (value, _) => value is Undefined ? [] : MappingMethods.Pairs(value as Mapping ?? throw new JinjaException($"'items' of {Values.Describe(value)}")),
        ["tojson"] = (value, arguments) => JsonText.Write(value, arguments.TakeNumber("indent", -1), arguments.Budget),
        ["map"] = Map,
        ["select"] = (value, arguments) => Select(value, arguments, ofAttribute: false, keeps: true),
        ["reject"] = (value, arguments) => Select(value, arguments, ofAttribute: false, keeps: false),
        ["selectattr"] = (value, arguments) => Select(value, arguments, ofAttribute: true, keeps: true),
        ["rejectattr"] = (value, arguments) => Select(value, arguments, ofAttribute: true, keeps: false),
    };

    /// <summary>A filter by its name: a function of the value and the filter's arguments.</summary>
    /// <exception cref="JinjaException">It is not known.</exception>
    public static Function Find(string name) =>
        Known.TryGetValue(name, out Func<object?, CallArguments, object?>? filter)
            ? arguments => filter(arguments.Take("value"), arguments)
            : throw new JinjaException($"the filter '{name}' is not known");

    private static object? Length(object? value) => (long)Values.Items(value).Count;

    private static object? Default(object? value, CallArguments arguments)
    {
        object? otherwise = arguments.Take("default_value", "");
        bool alsoIfFalse = Values.IsTrue(arguments.Take("boolean", false));
        return value is Undefined || (alsoIfFalse && !Values.IsTrue(value)) ? otherwise : value;
    }

    private static object?[] Map(object? value, CallArguments arguments)
    {
        if (!arguments.TryTake("", out object? name))
        {
            IReadOnlyDictionary<string, object?> named = arguments.TakeNamed();
            return named.Count == 1 && named.TryGetValue("attribute", out object? attribute)
                ? [.. Values.Items(value).Select(item => Members.Item(item, attribute))]
                : throw new JinjaException("'map' with such arguments");
        }
        Function filter = Find(Values.Text(name));
        IReadOnlyList<object?> rest = arguments.TakeRest();
        IReadOnlyDictionary<string, object?> options = arguments.TakeNamed();
        return [.. Values.Items(value).Select(item => new CallArguments(Values.Text(name), [item, .. rest], options, arguments.Budget).Call(filter))];
    }

    private static object?[] Select(object? value, CallArguments arguments, bool ofAttribute, bool keeps)
    {
        object? attribute = ofAttribute ? arguments.TakeText("attribute") : null;
        IReadOnlyList<object?> rest = arguments.TakeRest();
        string? name = rest.Count > 0 ? Values.Text(rest[0]) : null;
        Function test = name is null ? each => Values.IsTrue(each.Take("value")) : Tests.Find(name);
        return [.. Values.Items(value).Where(item => Passes(ofAttribute ? Members.Item(item, attribute) : item) == keeps)];

        bool Passes(object? tested) =>
            new CallArguments(name ?? "", [tested, .. rest.Skip(1)], new Dictionary<string, object?>(), arguments.Budget).Call(test) is true;
    }
}
