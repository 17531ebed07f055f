using System.CommandLine;
using System.CommandLine.Parsing;
using System.Text.RegularExpressions;
using Prescore.Memory;
using Prescore.Models.Formats;

namespace Prescore.Cli.Options;

/// <summary>
/// Looks at all files that a command names before it begins: inputs are there and of a kind that can be read, outputs can be
/// written, and no output is an input or another output, by whatever name (links, <c>..</c>, capitals).
/// </summary>
internal static partial class PathChecks
{
    /// <summary>What is wrong with the command's paths, in one line, or null.</summary>
    public static string? FindError(ParseResult parsed)
    {
        NamedPath[] paths = [.. Paths(parsed)];
        // What the tool reads where nothing is named.
        var readers = EmbeddedFiles.Present.ToDictionary(path => FileEntry.Of(path).Identity, path => $"the tool's own {Path.GetFileName(path)}");
        foreach (NamedPath input in paths.Where(path => path.Use != PathUse.Output))
        {
            if (Try(input, () => CheckInput(input, readers)) is string error)
            {
                return error;
            }
        }
        var writers = new Dictionary<string, string>();
        foreach (NamedPath output in paths.Where(path => path.Use == PathUse.Output))
        {
            if (Try(output, () => CheckOutput(output, readers, writers)) is string error)
            {
                return error;
            }
        }
        return null;
    }

    private static IEnumerable<NamedPath> Paths(ParseResult parsed)
    {
        Command command = parsed.CommandResult.Command;
        foreach (Symbol symbol in command.Options.Concat<Symbol>(command.Arguments))
        {
            if (symbol is IPathSymbol path && parsed.GetResult(symbol) is { } result)
            {
                IEnumerable<string> values = result.Tokens.Where(token => token.Type == TokenType.Argument).Select(token => token.Value);
                foreach (string value in values.Except(path.Words))
                {
                    yield return new NamedPath(symbol.Name, path.Use == PathUse.Model ? ModelPaths.Resolve(value) : value, path.Use);
                }
            }
        }
    }

    private static string? CheckInput(NamedPath input, Dictionary<string, string> readers)
    {
        bool isStandardInput = input.Use == PathUse.Text && input.Path == TextInputs.StandardInput;
        if (isStandardInput && OperatingSystem.IsWindows())
        {
            return null;
        }
        FileEntry entry = FileEntry.Of(isStandardInput ? "/dev/stdin" : input.Path);
        switch (entry.Kind)
        {
            case FileKind.Missing:
                return isStandardInput ? null : $"there is no file '{input.Path}'";
            case FileKind.Folder when input.Use == PathUse.Model:
                Protect(Directory.EnumerateFiles(input.Path), input.Name, readers);
                return null;
            case FileKind.Folder:
                return $"'{input.Path}' is a folder, not a file";
            case FileKind.Socket:
            case FileKind.Pipe or FileKind.Device when input.Use is PathUse.File or PathUse.Model:
                return $"'{input.Path}' is {entry.Describe()}, not a regular file; it is read in place, so copy it to a file first";
            case FileKind.Device when input.Use == PathUse.Image:
                return $"'{input.Path}' is {entry.Describe()}, not an image";
            case FileKind.Regular:
                if (!isStandardInput)
                {
                    using FileStream readable = new(input.Path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                }
                readers.TryAdd(entry.Identity, input.Name);
                if (input.Use == PathUse.Model && PartOfMany().IsMatch(input.Path))
                {
                    string folder = Path.GetDirectoryName(Path.GetFullPath(input.Path))!;
                    Protect(Directory.EnumerateFiles(folder).Where(file => file.EndsWith(".gguf") || file.EndsWith(".safetensors")), input.Name, readers);
                }
                return null;
            default:
                if (entry.Kind == FileKind.Pipe)
                {
                    readers.TryAdd(entry.Identity, input.Name);
                }
                return null;
        }
    }

    private static void Protect(IEnumerable<string> files, string name, Dictionary<string, string> readers)
    {
        foreach (string file in files)
        {
            FileEntry entry = FileEntry.Of(file);
            if (entry.Kind == FileKind.Regular)
            {
                readers.TryAdd(entry.Identity, name);
            }
        }
    }

    private static string? CheckOutput(NamedPath output, Dictionary<string, string> readers, Dictionary<string, string> writers)
    {
        if (output.Path == TextInputs.StandardInput)
        {
            return "'-' is no file; the standard output is /dev/stdout";
        }
        OutputTarget target = OutputTarget.Find(output.Path);
        target.RequireWritable();
        if (target.Entry.Kind == FileKind.Device)
        {
            return null;
        }
        string identity = target.Identity();
        return readers.TryGetValue(identity, out string? reader) ? $"'{output.Path}' is the file of {reader}, which would be lost"
            : !writers.TryAdd(identity, output.Name) ? $"'{output.Path}' is the file of {writers[identity]} too"
            : null;
    }

    private static string? Try(NamedPath path, Func<string?> check)
    {
        try
        {
            return check() is string problem ? $"{path.Name}: {problem}" : null;
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            string what = path.Use == PathUse.Output ? "cannot be written" : "cannot be read";
            return $"{path.Name}: '{path.Path}' {what}: {error.Message}";
        }
    }

    /// <summary>A part of a split GGUF file, or the index of a sharded safetensors one: the others lie beside it.</summary>
    [GeneratedRegex(@"-\d{5}-of-\d{5}\.|\.index\.json$", RegexOptions.IgnoreCase | RegexOptions.CultureInvariant)]
    private static partial Regex PartOfMany();

    private sealed record NamedPath(string Name, string Path, PathUse Use);
}
