using System.CommandLine;
using System.CommandLine.Help;
using Prescore.Cli.Commands;
using Prescore.Cli.Options;

namespace Prescore.Cli;

/// <summary>The <c>prescore</c> tool: parses the arguments, runs one command and turns failures into one line and an exit code.</summary>
internal static class CommandLine
{
    /// <summary>Runs the tool.</summary>
    /// <returns>The exit code, see <see cref="ExitCodes"/>.</returns>
    public static int Run(IReadOnlyList<string> args, ToolContext context)
    {
        try
        {
            Command root = CreateRoot(context);
            // A leading @ belongs to the argument: there are no response files.
            ParseResult parsed = root.Parse(args.Count == 0 ? ["--help"] : args, new ParserConfiguration { ResponseFileTokenReplacer = null });
            if ((FindError(parsed) ?? FindPathError(parsed)) is string error)
            {
                context.Error.WriteLine($"error: {Failures.OneLine(error)} (see {CommandPath(parsed)} --help)");
                return ExitCodes.BadInput;
            }
            return parsed.Invoke(new InvocationConfiguration
            {
                Output = context.Out,
                Error = context.Error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            });
        }
        catch (Exception exception)
        {
            return Failures.Report(exception, context);
        }
    }

    internal static Command CreateRoot(ToolContext context)
    {
        var help = new HelpOption();
        help.Action = new HelpWithExamples((HelpAction)help.Action!);
        // Not a RootCommand: that one is called after the program file, which is not how the tool is started.
        return new Command(
            "prescore",
            "Measures sparse attention methods on real language models: what each one costs and what it gains.")
        {
            help,
            new VersionOption(),
            PerplexityCommand.Create(context),
            BenchCommand.Create(context),
            AdviseCommand.Create(context),
            MethodsCommand.Create(context),
            InfoCommand.Create(context),
            TokenizeCommand.Create(context),
            VerifyCommand.Create(context),
            ScoreCommand.Create(context),
            AttendCommand.Create(context),
            VisionCommand.Create(context),
            GenerateCommand.Create(context),
            ChatCommand.Create(context),
            AskCommand.Create(context),
            NeedleCommand.Create(context),
            StudyCommand.Create(context),
            ReportCommand.Create(context),
            ConvertCommand.Create(context),
            PullCommand.Create(context),
            ModelsCommand.Create(context),
        };
    }

    /// <summary>The first thing wrong with the arguments, in one line, or null.</summary>
    private static string? FindError(ParseResult parsed)
    {
        if (parsed.Action is HelpWithExamples)
        {
            return null;
        }
        if (parsed.UnmatchedTokens is [string unmatched, ..])
        {
            Command command = parsed.CommandResult.Command;
            return unmatched.StartsWith('-') ? UnknownNames.Option(unmatched, command)
                : command.Subcommands.Count > 0 ? UnknownNames.Command(unmatched, command)
                : $"unexpected argument '{unmatched}'";
        }
        return parsed.Errors is [var error, ..] ? error.Message : null;
    }

    private static string? FindPathError(ParseResult parsed) =>
        parsed.Action is HelpWithExamples ? null : PathChecks.FindError(parsed);

    private static string CommandPath(ParseResult parsed)
    {
        var names = new Stack<string>();
        for (Command? command = parsed.CommandResult.Command; command is not null; command = command.Parents.OfType<Command>().FirstOrDefault())
        {
            names.Push(command.Name);
        }
        return string.Join(' ', names);
    }
}
