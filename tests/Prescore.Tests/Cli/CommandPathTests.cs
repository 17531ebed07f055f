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

    /// <summary>Every output of every command, named as each of its inputs and as its other outputs.</summary>
    [Theory]
    [MemberData(nameof(Commands))]
    public void No_output_is_an_input_or_another_output(string path)
    {
        Command command = CommandTree.Leaves().Single(leaf => leaf.Path == path).Command;
        File.WriteAllText(_folder.File("input"), "some text");
        File.WriteAllText(_folder.File("given"), "another text");
        string link = _folder.File("link");
        File.CreateSymbolicLink(link, _folder.File("given"));
        Symbol[] outputs = [.. Paths(command).Where(symbol => ((IPathSymbol)symbol).Use == PathUse.Output)];
        foreach (Symbol output in outputs)
        {
            foreach (Symbol other in Paths(command).Where(symbol => symbol != output))
            {
                ToolRun run = ToolRun.Of([.. path.Split(' '), .. Arguments(command, output, link, other)]);
                run.ExitCode.ShouldBe(2, $"{output.Name} as {other.Name}: {run.Out}{run.Error}");
                run.ShouldBeBadInput(other.Name, "is the file of");
                File.ReadAllText(_folder.File("given")).ShouldBe("another text");
            }
        }
    }

    /// <summary>What is called a file, or an image, is checked as one.</summary>
    [Fact]
    public void Every_option_for_a_file_is_a_path() => CommandTree.Leaves()
        .SelectMany(leaf => leaf.Command.Options.Where(option => option.HelpName?.StartsWith("FILE", StringComparison.Ordinal) == true)
            .Concat<Symbol>(leaf.Command.Arguments.Where(argument => argument.Name is "FILE" or "IMAGE" or "MODEL" or "OUT" or "CASES")))
        .Where(symbol => symbol is not IPathSymbol).Select(symbol => symbol.Name).ShouldBeEmpty();

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
        if (use is PathUse.File or PathUse.Model or PathUse.Image && !OperatingSystem.IsWindows())
        {
            yield return "/dev/null";
        }
    }

    /// <summary>A command line in which only the one value is wrong; a second one is given the file "given" even where it is not required.</summary>
    private IEnumerable<string> Arguments(Command command, Symbol wrong, string bad, Symbol? alsoGiven = null)
    {
        string Value(Symbol symbol) => symbol == wrong ? bad : symbol == alsoGiven ? _folder.File("given") : Good(symbol);
        foreach (Argument argument in command.Arguments.Where(argument => argument == wrong || argument == alsoGiven || argument.Arity.MinimumNumberOfValues > 0))
        {
            yield return Value(argument);
        }
        foreach (Option option in command.Options.Where(option => option == wrong || option == alsoGiven || option.Required))
        {
            yield return option.Name;
            yield return Value(option);
        }
    }

    private string Good(Symbol symbol) => symbol switch
    {
        IPathSymbol { Use: PathUse.Output } => _folder.File("out"),
        IPathSymbol => _folder.File("input"),
        _ => Others.TryGetValue(symbol.Name, out string? value) ? value : throw new InvalidOperationException($"what is a good value of {symbol.Name}?"),
    };
}
