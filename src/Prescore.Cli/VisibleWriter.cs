using System.Text;
using Prescore.Experiments.Reports;

namespace Prescore.Cli;

/// <summary>
/// What the tool prints, with the characters escaped that a terminal would obey; see <see cref="VisibleText"/>. So nothing
/// that a file holds, be it a name, a key, a message about it or what a model generates, can act on the terminal.
/// </summary>
internal sealed class VisibleWriter(TextWriter inner) : TextWriter
{
    /// <summary>The writer below, for the tool's own control sequences.</summary>
    public TextWriter Inner => inner;

    public override Encoding Encoding => inner.Encoding;

    public override void Write(char value) => inner.Write(char.IsSurrogate(value) ? value.ToString() : VisibleText.Lines(value.ToString()));

    public override void Write(string? value) => inner.Write(value is null ? null : VisibleText.Lines(value));

    public override void Write(char[] buffer, int index, int count) => Write(new string(buffer, index, count));

    public override void Write(ReadOnlySpan<char> buffer) => Write(buffer.ToString());

    public override void WriteLine() => inner.WriteLine();

    public override void WriteLine(string? value)
    {
        Write(value);
        inner.WriteLine();
    }

    public override void Flush() => inner.Flush();
}
