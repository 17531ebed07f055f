namespace Prescore.Cli;

/// <summary>Where a command reads and writes, and how it is told to stop.</summary>
internal sealed record ToolContext
{
    /// <summary>Width of tables where the output is no terminal.</summary>
    private const int PlainWidth = 200;

    public required TextReader In { get; init; }

    public required TextWriter Out { get; init; }

    /// <summary>Errors, notes and progress, so that <see cref="Out"/> holds results alone.</summary>
    public required TextWriter Error { get; init; }

    /// <summary>Whether <see cref="Out"/> is a terminal that shows colours and box characters.</summary>
    public bool OutIsTerminal { get; init; }

    /// <summary>Whether <see cref="Error"/> is a terminal that shows a moving progress bar.</summary>
    public bool ErrorIsTerminal { get; init; }

    /// <summary>Columns available for tables.</summary>
    public int Width { get; init; } = PlainWidth;

    public CancellationToken CancellationToken { get; init; }

    public static ToolContext ForConsole(CancellationToken cancellationToken) => new()
    {
        In = Console.In,
        Out = Console.Out,
        Error = Console.Error,
        OutIsTerminal = !Console.IsOutputRedirected,
        ErrorIsTerminal = !Console.IsErrorRedirected,
        Width = Console.IsOutputRedirected ? PlainWidth : Math.Max(80, Console.WindowWidth),
        CancellationToken = cancellationToken,
    };
}
