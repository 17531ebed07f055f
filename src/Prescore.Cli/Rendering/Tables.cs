using System.Text;
using Spectre.Console;

namespace Prescore.Cli.Rendering;

/// <summary>Tables on the output: boxes in a terminal, plain columns in a file or pipe.</summary>
internal static class Tables
{
    /// <summary>A table without rows; the first column is text, the others are numbers.</summary>
    public static Table Create(ToolContext context, params ReadOnlySpan<string> columns)
    {
        var table = new Table { Border = context.OutIsTerminal ? TableBorder.Rounded : TableBorder.Simple };
        foreach (string column in columns)
        {
            var tableColumn = new TableColumn(new Text(column));
            table.AddColumn(table.Columns.Count == 0 ? tableColumn.NoWrap() : tableColumn.RightAligned().NoWrap());
        }
        return table;
    }

    /// <summary>Adds a row of plain text.</summary>
    public static void AddPlainRow(this Table table, params ReadOnlySpan<string> cells)
    {
        var texts = new Text[cells.Length];
        for (int i = 0; i < cells.Length; i++)
        {
            texts[i] = new Text(cells[i]);
        }
        table.AddRow(texts);
    }

    /// <summary>Writes a table.</summary>
    public static void Write(ToolContext context, Table table)
    {
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = context.OutIsTerminal ? AnsiSupport.Detect : AnsiSupport.No,
            ColorSystem = context.OutIsTerminal ? ColorSystemSupport.Detect : ColorSystemSupport.NoColors,
            Interactive = InteractionSupport.No,
            Out = new ConsoleOutput(context),
        });
        console.Write(table);
    }

    private sealed class ConsoleOutput(ToolContext context) : IAnsiConsoleOutput
    {
        public TextWriter Writer => context.Out;

        public bool IsTerminal => context.OutIsTerminal;

        public int Width => context.Width;

        public int Height => 50;

        public void SetEncoding(Encoding encoding)
        {
        }
    }
}
