using System.CommandLine;
using Prescore.Cli;

namespace Prescore.Tests.Cli;

/// <summary>All commands of the tool that do something, found as the tool itself has them.</summary>
internal static class CommandTree
{
    /// <summary>Every command without subcommands, with the words that lead to it.</summary>
    public static IEnumerable<(string Path, Command Command)> Leaves() => Below(CommandLine.CreateRoot(new ToolRun().Context), "");

    private static IEnumerable<(string Path, Command Command)> Below(Command parent, string path) =>
        parent.Subcommands.SelectMany(command =>
        {
            string name = path.Length == 0 ? command.Name : $"{path} {command.Name}";
            return command.Subcommands.Count > 0 ? Below(command, name) : [(name, command)];
        });
}
