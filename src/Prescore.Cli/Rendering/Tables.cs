using System.Text;
using Prescore.Experiments.Reports;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Prescore.Cli.Rendering;

/// <summary>
/// Tables on the output: boxes in a terminal, plain columns in a file or pipe, where a row is one line however long. In a
/// narrow terminal the first column breaks and numbers stay whole; where that is not enough, each row becomes a list.
/// </summary>
internal static class Tables
{
    /// <summary>The first column is not made narrower than this.</summary>
    private const int LeastFirstColumn = 16;

    /// <summary>A table without rows; the first column is text, the others are numbers.</summary>
    public static Table Create(ToolContext context, params ReadOnlySpan<string> columns)
    {
        var table = new Table { Border = context.OutIsTerminal ? TableBorder.Rounded : TableBorder.Simple };
        foreach (string column in columns)
        {
            var tableColumn = new TableColumn(new Text(column));
            table.AddColumn(table.Columns.Count == 0 ? tableColumn : tableColumn.RightAligned().NoWrap());
        }
        return table;
    }

    /// <summary>Adds a row of plain text; what would act on a terminal or break the row is escaped.</summary>
    public static void AddPlainRow(this Table table, params ReadOnlySpan<string> cells)
    {
        var texts = new Text[cells.Length];
        for (int i = 0; i < cells.Length; i++)
        {
            texts[i] = new Text(VisibleText.Line(cells[i]));
        }
        table.AddRow(texts);
    }

    /// <summary>Writes a table.</summary>
    public static void Write(ToolContext context, Table table)
    {
        int[] widths = [.. Enumerable.Range(0, table.Columns.Count).Select(column => ColumnWidth(context, table, column))];
        // Each column has a space on both sides and a line before it; one more line ends the row.
        int others = widths.Skip(1).Sum() + 3 * widths.Length + 1;
        int first = context.OutIsTerminal ? Math.Min(widths[0], Math.Max(LeastFirstColumn, context.Width - others)) : widths[0];
        if (context.OutIsTerminal && first + others > context.Width)
        {
            WriteLists(context, table);
            return;
        }
        table.Columns[0].Width = first;
        Console(context, first + others).Write(table);
    }

    private static int ColumnWidth(ToolContext context, Table table, int column)
    {
        RenderOptions options = RenderOptions.Create(Console(context, int.MaxValue));
        return table.Rows.Select(row => row[column]).Append(table.Columns[column].Header)
            .Max(cell => cell.Measure(options, int.MaxValue).Max);
    }

    /// <summary>A row below the other, each cell in a line behind its column's name.</summary>
    private static void WriteLists(ToolContext context, Table table)
    {
        RenderOptions options = RenderOptions.Create(Console(context, int.MaxValue));
        string Text(IRenderable cell) => string.Concat(cell.Render(options, int.MaxValue).Select(segment => segment.Text)).Trim();
        string[] names = [.. table.Columns.Select(column => Text(column.Header))];
        int width = names.Max(name => name.Length);
        foreach (TableRow row in table.Rows)
        {
            context.Out.WriteLine(Text(row[0]));
            foreach ((string name, IRenderable cell) in names.Zip(row).Skip(1).Where(pair => Text(pair.Second).Length > 0))
            {
                context.Out.WriteLine($"  {name.PadRight(width)}  {Text(cell)}");
            }
        }
    }

    private static IAnsiConsole Console(ToolContext context, int width) => AnsiConsole.Create(new AnsiConsoleSettings
    {
        Ansi = context.OutIsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
        ColorSystem = context.OutIsTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
        Interactive = InteractionSupport.No,
        Out = new ConsoleOutput(context, width),
    });

    private sealed class ConsoleOutput(ToolContext context, int width) : IAnsiConsoleOutput
    {
        public TextWriter Writer => context.UnescapedOut;

        public bool IsTerminal => context.OutIsTerminal;

        public int Width => width;

        public int Height => 50;

        public void SetEncoding(Encoding encoding)
        {
        }
    }
}
