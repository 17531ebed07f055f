using System.CommandLine;

namespace Prescore.Cli.Options;

/// <summary>Options and arguments that name files; a mistake is found before any work begins.</summary>
internal static class PathOptions
{
    /// <summary>A file to read.</summary>
    public static Option<string?> Input(string name, string description)
    {
        var option = new Option<string?>(name) { Description = description, HelpName = "FILE" };
        option.Validators.Add(result => CheckInput(name, result.GetValueOrDefault<string?>(), result.AddError));
        return option;
    }

    /// <summary>A file to read, as an argument.</summary>
    public static Argument<string> InputArgument(string name, string description)
    {
        var argument = new Argument<string>(name) { Description = description };
        argument.Validators.Add(result => CheckInput(name, result.GetValueOrDefault<string?>(), result.AddError));
        return argument;
    }

    /// <summary>A file to write.</summary>
    public static Option<string?> Output(string name, string description)
    {
        var option = new Option<string?>(name) { Description = description, HelpName = "FILE" };
        option.Validators.Add(result => CheckOutput(name, result.GetValueOrDefault<string?>(), result.AddError));
        return option;
    }

    private static void CheckInput(string name, string? path, Action<string> addError)
    {
        if (path is null or "-" || File.Exists(path))
        {
            return;
        }
        addError(Directory.Exists(path) ? $"{name}: '{path}' is a folder, not a file" : $"{name}: there is no file '{path}'");
    }

    private static void CheckOutput(string name, string? path, Action<string> addError)
    {
        if (path is null)
        {
            return;
        }
        string folder = Path.GetDirectoryName(Path.GetFullPath(path)) ?? path;
        if (Directory.Exists(path))
        {
            addError($"{name}: '{path}' is a folder, not a file");
        }
        else if (!Directory.Exists(folder))
        {
            addError($"{name}: there is no folder '{folder}' to write '{Path.GetFileName(path)}' into");
        }
    }
}
