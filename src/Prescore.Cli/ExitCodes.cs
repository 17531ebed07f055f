namespace Prescore.Cli;

/// <summary>How a command ended.</summary>
internal static class ExitCodes
{
    public const int Done = 0;

    /// <summary>A check found a difference beyond its bound.</summary>
    public const int CheckFailed = 1;

    public const int BadInput = 2;

    /// <summary>A fault of the tool itself (EX_SOFTWARE).</summary>
    public const int InternalError = 70;

    /// <summary>Ended by Ctrl+C (128 + SIGINT).</summary>
    public const int Interrupted = 130;
}
