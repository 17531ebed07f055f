using System.Globalization;

namespace Prescore.Cli.Rendering;

/// <summary>Numbers as the tables show them, with a point whatever the language of the machine.</summary>
internal static class Numbers
{
    public static string Fixed(double value, int digits) => value.ToString("F" + digits, CultureInfo.InvariantCulture);

    public static string Signed(double value, int digits)
    {
        string zeros = new('0', digits);
        return value.ToString($"+0.{zeros};-0.{zeros};0", CultureInfo.InvariantCulture);
    }

    public static string Percent(double fraction) => Fixed(100 * fraction, 1) + " %";

    public static string Scientific(double value) => value.ToString("0.0e+0", CultureInfo.InvariantCulture);

    /// <summary>Four digits that count, whatever the magnitude.</summary>
    public static string Short(double value) => value.ToString("G4", CultureInfo.InvariantCulture);

    public static string Count(long value) => value.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>Seconds with about three digits that count.</summary>
    public static string Seconds(double seconds) => seconds switch
    {
        < 0.1 => Fixed(1000 * seconds, 2) + " ms",
        < 1 => Fixed(1000 * seconds, 0) + " ms",
        < 10 => Fixed(seconds, 2) + " s",
        _ => Fixed(seconds, 1) + " s",
    };

    public static string Factor(double factor) => Fixed(factor, factor < 10 ? 2 : 1) + "×";

    public static string Bytes(long bytes) => bytes switch
    {
        < 10_000 => bytes + " bytes",
        < 10_000_000 => Fixed(bytes / 1e3, 1) + " kB",
        < 10_000_000_000 => Fixed(bytes / 1e6, 1) + " MB",
        _ => Fixed(bytes / 1e9, 1) + " GB",
    };
}
