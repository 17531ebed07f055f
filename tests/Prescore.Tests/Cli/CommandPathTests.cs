using System.CommandLine;
using Prescore.Cli.Options;

namespace Prescore.Tests.Cli;

/// <summary>Every path that any command takes, with every kind of bad value: one line that names it, before any work.</summary>
public sealed class CommandPathTests : IDisposable
{
    /// <summary>Values of what else a command needs.</summary>
    private static readonly Dictionary<string, string> Others = new()
    {
        ["--context"] = "64",
        ["--method"] = "exact",
        ["--scorer"] = "norm",
        ["IMAGE"] = "picture.png",
        ["REPO[:FILE]"] = "owner/name",
    };

    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> Commands => [.. CommandTree.Leaves().Where(leaf => Paths(leaf.Command).Any()).Select(leaf => leaf.Path)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Commands))]
    public void Bad_paths_are_named_before_any_work(string path)
    {
        Command command = CommandTree.Leaves().Single(leaf => leaf.Path == path).Command;
        File.WriteAllText(_folder.File("input"), "some text");
        foreach (Symbol symbol in Paths(command))
        {
            foreach (string bad in BadValues(((IPathSymbol)symbol).Use))
            {
                ToolRun run = ToolRun.Of([.. path.Split(' '), .. Arguments(command, symbol, bad)]);
                run.ExitCode.ShouldBe(2, $"{symbol.Name} '{bad}': {run.Out}{run.Error}");
                run.ShouldBeBadInput(symbol.Name);
                Directory.GetFileSystemEntries(_folder.Path).ShouldBe([_folder.File("input")], $"{symbol.Name} '{bad}'");
            }
        }
    }

    private static IEnumerable<Symbol> Paths(Command command) =>
        command.Arguments.Concat<Symbol>(command.Options).Where(symbol => symbol is IPathSymbol);

    private IEnumerable<string> BadValues(PathUse use)
    {
        yield return "";
        if (use == PathUse.Output)
        {
            yield return _folder.File("no-such-folder/out");
            yield return _folder.Path;
            yield return _folder.File("input/out");
            if (OperatingSystem.IsLinux())
            {
                yield return "/proc/out";
            }
            yield break;
        }
        yield return _folder.File("no-such-file");
        yield return _folder.File("input/below-a-file");
        if (use != PathUse.Model)
        {
            yield return _folder.Path;
        }
        if (use is PathUse.File or PathUse.Model && !OperatingSystem.IsWindows())
        {
            yield return "/dev/null";
        }
    }

    /// <summary>A command line in which only the one value is wrong.</summary>
    private IEnumerable<string> Arguments(Command command, Symbol wrong, string bad)
    {
        foreach (Argument argument in command.Arguments)
        {
            if (argument == wrong || argument.Arity.MinimumNumberOfValues > 0)
            {
                yield return argument == wrong ? bad : Good(argument);
            }
        }
        foreach (Option option in command.Options.Where(option => option == wrong || option.Required))
        {
            yield return option.Name;
            yield return option == wrong ? bad : Good(option);
        }
    }

    private string Good(Symbol symbol) => symbol switch
    {
        IPathSymbol { Use: PathUse.Output } => _folder.File("out"),
        IPathSymbol => _folder.File("input"),
        _ => Others.TryGetValue(symbol.Name, out string? value) ? value : throw new InvalidOperationException($"what is a good value of {symbol.Name}?"),
    };
}
