using System.CommandLine;

namespace Prescore.Cli.Options;

/// <summary>
/// Options and arguments that name files. <see cref="PathChecks"/> looks at all of a command's at once, before any work
/// begins: a command that declares its paths here needs no checks of its own.
/// </summary>
internal static class PathOptions
{
    /// <summary>A text to read, with <see cref="TextInputs"/>: a file or a pipe, and <c>-</c> is the standard input.</summary>
    public static PathOption Text(string name, string description) => new(name, description, PathUse.Text);

    /// <summary>Texts to read, regular files.</summary>
    public static PathListOption Texts(string name, string description) => new(name, description);

    /// <summary>A file to read in place, such as a model or tensors: a regular file.</summary>
    public static PathOption Input(string name, string description) => new(name, description, PathUse.File);

    /// <summary>A file to read in place, as an argument.</summary>
    public static PathArgument InputArgument(string name, string description) => new(name, description, PathUse.File);

    /// <summary>A model to read in place: a regular file, a folder, or the name of a fetched model.</summary>
    public static PathOption Model(string name, string description) => new(name, description, PathUse.Model);

    /// <summary>A model to read in place, as an argument.</summary>
    public static PathArgument ModelArgument(string name, string description) => new(name, description, PathUse.Model);

    /// <summary>A file that is read as a text or in place, as its content asks for.</summary>
    public static PathArgument TextOrFileArgument(string name, string description) => new(name, description, PathUse.TextOrFile);

    /// <summary>An image: a file or a pipe, read whole.</summary>
    public static PathArgument ImageArgument(string name, string description) => new(name, description, PathUse.Image);

    /// <summary>Images: files or pipes, each read whole.</summary>
    public static PathListArgument ImageArguments(string name, string description, ArgumentArity arity) => new(name, description, PathUse.Image) { Arity = arity };

    /// <summary>A file to write, as an argument.</summary>
    public static PathArgument OutputArgument(string name, string description) => new(name, description, PathUse.Output);

    /// <summary>A file to write, with <see cref="OutputFiles"/>; a pipe or a device is written to as it is.</summary>
    public static PathOption Output(string name, string description) => new(name, description, PathUse.Output);
}

/// <summary>What a command does with a path.</summary>
internal enum PathUse
{
    /// <summary>Reads it from its beginning as a text.</summary>
    Text,

    /// <summary>Reads it in place, here and there.</summary>
    File,

    /// <summary>As <see cref="File"/>, but it may be a folder with several files.</summary>
    Model,

    /// <summary>As <see cref="Text"/> or as <see cref="File"/>.</summary>
    TextOrFile,

    /// <summary>Reads it whole, once.</summary>
    Image,

    /// <summary>Writes it.</summary>
    Output,
}

/// <summary>An option or argument whose values are paths.</summary>
internal interface IPathSymbol
{
    /// <summary>What the command does with them.</summary>
    PathUse Use { get; }

    /// <summary>Values that are no paths.</summary>
    IReadOnlyList<string> Words => [];
}

/// <summary>An option whose value is a path.</summary>
internal sealed class PathOption : Option<string?>, IPathSymbol
{
    public PathOption(string name, string description, PathUse use)
        : base(name)
    {
        Description = description;
        HelpName = "FILE";
        Use = use;
        if (use == PathUse.Model)
        {
            CustomParser = result => ModelPaths.Resolve(result.Tokens[0].Value);
        }
    }

    public PathUse Use { get; }

    public IReadOnlyList<string> Words { get; init; } = [];
}

/// <summary>An option whose values are paths of regular files to read.</summary>
internal sealed class PathListOption : Option<string[]>, IPathSymbol
{
    public PathListOption(string name, string description)
        : base(name)
    {
        Description = description;
        HelpName = "FILE";
        AllowMultipleArgumentsPerToken = true;
    }

    public PathUse Use => PathUse.File;
}

/// <summary>An argument that is a path.</summary>
internal sealed class PathArgument : Argument<string>, IPathSymbol
{
    public PathArgument(string name, string description, PathUse use)
        : base(name)
    {
        Description = description;
        Use = use;
        if (use == PathUse.Model)
        {
            CustomParser = result => ModelPaths.Resolve(result.Tokens[0].Value);
        }
    }

    public PathUse Use { get; }
}

/// <summary>An argument whose values are paths.</summary>
internal sealed class PathListArgument : Argument<string[]>, IPathSymbol
{
    public PathListArgument(string name, string description, PathUse use)
        : base(name)
    {
        Description = description;
        Use = use;
    }

    public PathUse Use { get; }
}
