using System.CommandLine;
using Prescore.Specs;

namespace Prescore.Cli;

/// <summary>Messages for names that nobody knows, with the nearest known one.</summary>
internal static class UnknownNames
{
    public static string Option(string name, Command command) =>
        UnknownName.Describe("option", name, [.. command.Options.Select(option => option.Name), "--help"]);

    public static string Command(string name, Command parent) =>
        UnknownName.Describe("command", name, [.. parent.Subcommands.Select(command => command.Name)]);
}
