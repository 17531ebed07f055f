namespace Prescore.Generation.Chat.Jinja;

/// <summary>Operators that make new values.</summary>
internal static class Arithmetic
{
    /// <summary>The result of an operator.</summary>
    /// <exception cref="JinjaException">There is none for such values.</exception>
    public static object? Apply(string symbol, object? left, object? right, RenderBudget budget)
    {
        try
        {
            return (symbol, left, right) switch
            {
                ("~", _, _) => Join(Values.Text(left), Values.Text(right), budget),
                ("+", string first, string second) => Join(first, second, budget),
                ("+", IReadOnlyList<object?> first, IReadOnlyList<object?> second) => Join(first, second, budget),
                ("*", string text, long count) => Repeat(text, count, budget),
                ("*", long count, string text) => Repeat(text, count, budget),
                _ when Values.Number(left) is long first && Values.Number(right) is long second && Whole(symbol, first, second) is long result => result,
                _ => throw new JinjaException($"'{symbol}' between {Values.Describe(left)} and {Values.Describe(right)}"),
            };
        }
        catch (OverflowException)
        {
            throw new JinjaException($"'{symbol}' leaves the range of numbers");
        }
    }

    /// <summary>Whole numbers; division rounds down, and a remainder has the sign of the divisor, as in Python.</summary>
    public static long? Whole(string symbol, long left, long right) => symbol switch
    {
        "+" => checked(left + right),
        "-" => checked(left - right),
        "*" => checked(left * right),
        "//" or "%" when right == 0 => throw new JinjaException("a division by zero"),
        "//" => checked(left / right) - (left % right != 0 && left < 0 != right < 0 ? 1 : 0),
        "%" when right == -1 => 0,
        "%" => (left % right) + (left % right != 0 && left < 0 != right < 0 ? right : 0),
        _ => null,
    };

    private static string Join(string first, string second, RenderBudget budget)
    {
        budget.Charge((long)first.Length + second.Length);
        return first + second;
    }

    private static object?[] Join(IReadOnlyList<object?> first, IReadOnlyList<object?> second, RenderBudget budget)
    {
        budget.Charge((long)first.Count + second.Count);
        return [.. first, .. second];
    }

    private static string Repeat(string text, long count, RenderBudget budget)
    {
        count = Math.Max(0, count);
        budget.Charge(checked(text.Length * count));
        return text.Length == 0 ? "" : string.Concat(Enumerable.Repeat(text, (int)count));
    }
}
