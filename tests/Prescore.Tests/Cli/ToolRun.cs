using System.Text;
using Prescore.Cli;

namespace Prescore.Tests.Cli;

/// <summary>Runs the tool in this process and keeps what it wrote.</summary>
internal sealed class ToolRun
{
    private readonly StringWriter _out = new();
    private readonly StringWriter _error = new();

    public ToolRun(string input = "", CancellationToken cancellationToken = default) => Context = new ToolContext
    {
        In = new StringReader(input),
        OpenInput = () => new MemoryStream(Encoding.UTF8.GetBytes(input)),
        Out = _out,
        Error = _error,
        CancellationToken = cancellationToken,
    };

    public ToolContext Context { get; }

    public int ExitCode { get; private set; } = -1;

    public string Out => _out.ToString();

    public string Error => _error.ToString();

    /// <summary>Runs one command.</summary>
    public static ToolRun Of(params string[] args) => new ToolRun().Run(args);

    public ToolRun Run(params string[] args)
    {
        ExitCode = CommandLine.Run(args, Context);
        return this;
    }

    /// <summary>Expects bad input: exit code 2, nothing on the output, one line on the error stream that holds the parts.</summary>
    public void ShouldBeBadInput(params string[] parts)
    {
        ExitCode.ShouldBe(2, Error);
        Out.ShouldBe("");
        string line = Error.TrimEnd('\r', '\n');
        line.ShouldStartWith("error: ");
        line.ShouldNotContain('\n');
        line.ShouldNotContain("   at ");
        foreach (string part in parts)
        {
            line.ShouldContain(part);
        }
    }
}
