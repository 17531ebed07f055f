using System.CommandLine;
using Prescore.Attention;
using Prescore.Cli.Rendering;
using Prescore.Scoring;
using Prescore.Specs;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore methods</c>: the attention methods and their options.</summary>
internal static class MethodsCommand
{
    private const string HelpNotes = """
        Without a name: every method in a line or two, and the names of the scorers. With names: their options, what they
        mean, the values allowed and the defaults.

        Examples:
          prescore methods
          prescore methods clustered
          prescore methods prescored hyper --markdown
        """;

    public static Command Create(ToolContext context)
    {
        var names = new Argument<string[]>("name") { Description = "Methods to describe. Default: all, in short.", Arity = ArgumentArity.ZeroOrMore };
        var markdown = new Option<bool>("--markdown") { Description = "Print the options as Markdown tables, as in docs/methods.md." };
        var command = new ToolCommand("methods", "List the attention methods and their options.", HelpNotes) { names, markdown };
        command.SetAction(parsed =>
        {
            OptionTable[] described = [.. (parsed.GetValue(names) ?? []).Select(Find)];
            bool asMarkdown = parsed.GetValue(markdown);
            if (described.Length == 0 && !asMarkdown)
            {
                context.Out.Write(MethodHelp.Grammar());
                context.Out.WriteLine($"Scorers: {string.Join(", ", KeyScorers.Names)}");
                return ExitCodes.Done;
            }
            IEnumerable<string> texts = asMarkdown
                ? (described.Length > 0 ? described : AttentionMethods.Options).Select(method => $"## `{method.Method}`\n\n{MethodHelp.Markdown(method)}")
                : described.Select(MethodHelp.Options);
            context.Out.Write(string.Join('\n', texts));
            return ExitCodes.Done;
        });
        return command;
    }

    /// <exception cref="MethodSpecException">There is no such method.</exception>
    private static OptionTable Find(string name) =>
        AttentionMethods.Options.FirstOrDefault(method => method.Method == name)
            ?? throw MethodSpecException.Unknown("method", name, AttentionMethods.Names);
}
