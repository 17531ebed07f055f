using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;

namespace Prescore.Cli;

/// <summary>A command that teaches: its help ends with examples and what a reader needs to know.</summary>
internal sealed class ToolCommand(string name, string description, string notes) : Command(name, description)
{
    /// <summary>Text below the list of options.</summary>
    public string Notes { get; } = notes;
}

/// <summary>The usual help, then the command's notes.</summary>
internal sealed class HelpWithExamples(HelpAction usual) : SynchronousCommandLineAction
{
    private const string RootNotes = """
        Examples:
          prescore perplexity                      compare methods on the embedded model and text
          prescore perplexity --plot quality.png   the same with a plot of quality against budget
          prescore bench --lengths 1k,2k,4k,8k     time one attention layer against length
          prescore advise --context 32768          which method is fastest at that length, on this machine
          prescore info models/SmolLM2-135M-Instruct.Q4_1.gguf

        Exit codes: 0 done, 1 a check failed, 2 bad input, 130 interrupted.
        """;

    public override int Invoke(ParseResult parseResult)
    {
        usual.MaxWidth = 110;
        int code = usual.Invoke(parseResult);
        string notes = parseResult.CommandResult.Command is ToolCommand command ? command.Notes : RootNotes;
        parseResult.InvocationConfiguration.Output.WriteLine(notes);
        return code;
    }
}
