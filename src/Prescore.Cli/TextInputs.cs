using Microsoft.Win32.SafeHandles;
using Prescore.Experiments.Reports;
using Prescore.Memory;
using Prescore.Models.Formats;

namespace Prescore.Cli;

/// <summary>
/// Opens a command's texts, wherever they come from; see <see cref="TextInput"/>. Bytes that are no characters are reported
/// once on the error stream.
/// </summary>
internal static class TextInputs
{
    /// <summary>The path that stands for the standard input.</summary>
    public const string StandardInput = "-";

    /// <summary>Opens a file, a pipe, or the standard input.</summary>
    /// <param name="context">Receives the report, and says when to stop waiting for a pipe.</param>
    /// <param name="path">The path, or <see cref="StandardInput"/>.</param>
    public static TextInput Open(ToolContext context, string path)
    {
        return path == StandardInput
            ? new TextInput(context.OpenInput(), "standard input", context.CancellationToken) { Warning = Warn }
            : TextInput.Open(path, context.CancellationToken, Warn);

        void Warn(string message) => context.Error.WriteLine($"note: {VisibleText.Line(message)}");
    }

    /// <summary>The process's standard input; a file behind it is read as one.</summary>
    public static Stream OpenStandardInput()
    {
        bool isFile = !OperatingSystem.IsWindows() && FileEntry.Of("/dev/stdin").Kind == FileKind.Regular;
        return isFile
            ? new FileStream(new SafeFileHandle(0, ownsHandle: false), FileAccess.Read, bufferSize: 0)
            : Console.OpenStandardInput();
    }
}
