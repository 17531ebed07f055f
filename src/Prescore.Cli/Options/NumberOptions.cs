using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Numerics;

namespace Prescore.Cli.Options;

/// <summary>Options with a number in a range; a wrong one is refused with the range.</summary>
internal static class NumberOptions
{
    /// <summary>A whole number of at least <paramref name="minimum"/>.</summary>
    public static Option<T?> Whole<T>(string name, string description, T minimum, string valueName = "N")
        where T : struct, IBinaryInteger<T> => new(name)
        {
            Description = description,
            HelpName = valueName,
            CustomParser = result => ParseWhole(result, name, minimum),
        };

    /// <summary>A number above 0 and at most <paramref name="maximum"/>.</summary>
    public static Option<double?> Positive(string name, string description, double maximum, string valueName = "F") => new(name)
    {
        Description = description,
        HelpName = valueName,
        CustomParser = result => ParsePositive(result, name, maximum),
    };

    private static T? ParseWhole<T>(ArgumentResult result, string name, T minimum)
        where T : struct, IBinaryInteger<T>
    {
        string text = result.Tokens[0].Value;
        if (T.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out T value) && value >= minimum)
        {
            return value;
        }
        result.AddError($"{name} must be a whole number of at least {minimum}, but is '{text}'");
        return null;
    }

    private static double? ParsePositive(ArgumentResult result, string name, double maximum)
    {
        string text = result.Tokens[0].Value;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value > 0 && value <= maximum)
        {
            return value;
        }
        string limit = double.IsFinite(maximum) ? string.Create(CultureInfo.InvariantCulture, $" and at most {maximum}") : "";
        result.AddError($"{name} must be a number above 0{limit}, but is '{text}'");
        return null;
    }
}
