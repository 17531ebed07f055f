using Prescore.Experiments;

namespace Prescore.Cli;

/// <summary>Where a command reads and writes, and how it is told to stop.</summary>
internal sealed record ToolContext
{
    /// <summary>Width of a terminal that does not tell its own.</summary>
    private const int UsualWidth = 80;

    /// <summary>Lines that a user types; a text is read through <see cref="TextInputs"/>.</summary>
    public required TextReader In { get; init; }

    /// <summary>Opens the bytes of the standard input.</summary>
    public required Func<Stream> OpenInput { get; init; }

    /// <summary>Results; what would act on a terminal is escaped, see <see cref="VisibleWriter"/>.</summary>
    public required TextWriter Out { get; init => field = new VisibleWriter(value); }

    /// <summary>Errors, notes and progress, so that <see cref="Out"/> holds results alone; escaped likewise.</summary>
    public required TextWriter Error { get; init => field = new VisibleWriter(value); }

    /// <summary>The writer below <see cref="Out"/>, for the tool's own colours; what it is given must be escaped already.</summary>
    public TextWriter UnescapedOut => ((VisibleWriter)Out).Inner;

    /// <summary>The writer below <see cref="Error"/>, likewise.</summary>
    public TextWriter UnescapedError => ((VisibleWriter)Error).Inner;

    /// <summary>Whether <see cref="Out"/> is a terminal that shows colours and box characters.</summary>
    public bool OutIsTerminal { get; init; }

    /// <summary>Whether <see cref="Error"/> is a terminal that shows a moving progress bar.</summary>
    public bool ErrorIsTerminal { get; init; }

    /// <summary>Columns of the terminal; without one lines are as long as they need be.</summary>
    public int Width { get; init; } = UsualWidth;

    public CancellationToken CancellationToken { get; init; }

    /// <summary>Receives the progress of a command that runs as a part of another one; null: it has a bar of its own.</summary>
    public IProgress<StudyProgress>? Progress { get; init; }

    public static ToolContext ForConsole(CancellationToken cancellationToken) => new()
    {
        In = Console.In,
        OpenInput = TextInputs.OpenStandardInput,
        Out = Console.Out,
        Error = Console.Error,
        OutIsTerminal = !Console.IsOutputRedirected,
        ErrorIsTerminal = !Console.IsErrorRedirected,
        Width = !Console.IsOutputRedirected && Console.WindowWidth > 0 ? Console.WindowWidth : UsualWidth,
        CancellationToken = cancellationToken,
    };
}
