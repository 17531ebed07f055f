using System.Globalization;
using Spectre.Console;

namespace Prescore.Benchmarks;

/// <summary>Tables on the console: the first column to the left, numbers to the right.</summary>
internal static class ReportTable
{
    public static Table Create(string first, params ReadOnlySpan<string> numbers)
    {
        Table table = new Table().Border(TableBorder.Simple).AddColumn(first, column => column.NoWrap());
        foreach (string name in numbers)
        {
            table.AddColumn(name, column => column.RightAligned().NoWrap());
        }
        return table;
    }

    public static void Write(Table table)
    {
        // Into a file or a pipe there is no width to keep to.
        AnsiConsole.Profile.Width = Console.IsOutputRedirected ? 400 : AnsiConsole.Profile.Width;
        AnsiConsole.Write(table);
    }

    /// <summary>Milliseconds with four digits or so.</summary>
    public static string Milliseconds(double seconds) => (seconds * 1e3).ToString(seconds < 1e-2 ? "F3" : "F1", CultureInfo.InvariantCulture);
}
