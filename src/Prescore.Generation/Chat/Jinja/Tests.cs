namespace Prescore.Generation.Chat.Jinja;

/// <summary>What can be asked of a value: <c>value is name</c>.</summary>
internal static class Tests
{
    private static readonly Dictionary<string, Func<object?, bool>> OfValues = new(StringComparer.Ordinal)
    {
        ["defined"] = value => value is not Undefined,
        ["undefined"] = value => value is Undefined,
        ["none"] = value => value is null,
        ["true"] = value => value is true,
        ["false"] = value => value is false,
        ["boolean"] = value => value is bool,
        ["string"] = value => value is string,
        ["number"] = value => value is long or bool,
        ["integer"] = value => value is long,
        ["float"] = value => false,
        ["mapping"] = value => value is Mapping,
        ["sequence"] = value => value is string or IReadOnlyList<object?> or Mapping or Undefined,
        ["iterable"] = value => value is string or IReadOnlyList<object?> or Mapping or Undefined,
        ["callable"] = value => value is Function,
        ["odd"] = value => Whole(value) % 2 != 0,
        ["even"] = value => Whole(value) % 2 == 0,
        ["lower"] = value => Values.Text(value) is string text && text.Any(char.IsLetter) && !text.Any(char.IsUpper),
        ["upper"] = value => Values.Text(value) is string text && text.Any(char.IsLetter) && !text.Any(char.IsLower),
    };

    private static readonly Dictionary<string, Func<object?, object?, bool>> OfTwo = new(StringComparer.Ordinal)
    {
        ["eq"] = Values.AreEqual,
        ["equalto"] = Values.AreEqual,
        ["=="] = Values.AreEqual,
        ["ne"] = (left, right) => !Values.AreEqual(left, right),
        ["!="] = (left, right) => !Values.AreEqual(left, right),
        ["in"] = Values.IsIn,
        ["lt"] = (left, right) => Values.Compare(left, right) < 0,
        ["le"] = (left, right) => Values.Compare(left, right) <= 0,
        ["gt"] = (left, right) => Values.Compare(left, right) > 0,
        ["ge"] = (left, right) => Values.Compare(left, right) >= 0,
        ["divisibleby"] = (left, right) => Arithmetic.Whole("%", Whole(left), Whole(right)) == 0,
    };

    /// <summary>A test by its name: a function of the value and what it is compared with.</summary>
    /// <exception cref="JinjaException">It is not known.</exception>
    public static Function Find(string name) =>
        OfValues.TryGetValue(name, out Func<object?, bool>? ofValue) ? arguments => ofValue(arguments.Take("value"))
        : OfTwo.TryGetValue(name, out Func<object?, object?, bool>? ofTwo) ? arguments => ofTwo(arguments.Take("value"), arguments.Take("other"))
        : throw new JinjaException($"the test '{name}' is not known");

    private static long Whole(object? value) => value is long number ? number : throw new JinjaException($"{Values.Describe(value)} where a number is asked for");
}
