using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace Prescore.Cli.Options;

/// <summary>Options with a number in a range; a wrong one is refused with the range.</summary>
internal static class NumberOptions
{
    /// <summary>A whole number from <paramref name="minimum"/> to <paramref name="maximum"/>; null: no upper bound.</summary>
    public static Option<T?> Whole<T>(string name, string description, T minimum, string valueName = "N", T? maximum = null)
        where T : struct, IBinaryInteger<T> => new(name)
        {
            Description = description,
            HelpName = valueName,
            CustomParser = result => ParseWhole(result, name, minimum, maximum),
        };

    /// <summary>A finite number above 0 and at most <paramref name="maximum"/>.</summary>
    public static Option<double?> Positive(string name, string description, double maximum, string valueName = "F") => new(name)
    {
        Description = description,
        HelpName = valueName,
        CustomParser = result => ParsePositive(result, name, maximum),
    };

    /// <summary>A number from <paramref name="minimum"/> to <paramref name="maximum"/>.</summary>
    public static Option<double?> Between(string name, string description, double minimum, double maximum, string valueName = "F") => new(name)
    {
        Description = description,
        HelpName = valueName,
        CustomParser = result => ParseBetween(result, name, minimum, maximum),
    };

    private static T? ParseWhole<T>(ArgumentResult result, string name, T minimum, T? maximum)
        where T : struct, IBinaryInteger<T>
    {
        string text = result.Tokens[0].Value;
        if (T.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out T value)
            && value >= minimum && !(value > maximum))
        {
            return value;
        }
        string range = maximum is T limit ? $"from {minimum} to {limit}" : $"of at least {minimum}";
        result.AddError($"{name} must be a whole number {range}, but is '{text}'");
        return null;
    }

    private static double? ParsePositive(ArgumentResult result, string name, double maximum)
    {
        string text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value > 0 && value <= maximum
            && double.IsFinite(value))
        {
            return value;
        }
        string range = double.IsFinite(maximum)
            ? string.Create(CultureInfo.InvariantCulture, $"a number above 0 and at most {maximum}")
            : "a finite number above 0";
        result.AddError($"{name} must be {range}, but is '{text}'");
        return null;
    }

    private static double? ParseBetween(ArgumentResult result, string name, double minimum, double maximum)
    {
        string text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value >= minimum && value <= maximum)
        {
            return value;
        }
        result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name} must be a number from {minimum} to {maximum}, but is '{text}'"));
        return null;
    }
}
