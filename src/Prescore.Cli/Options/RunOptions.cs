using System.CommandLine;
using System.CommandLine.Parsing;
using Prescore.Attention.Contracts;
using Prescore.Experiments;
using Prescore.Models.Layers;

namespace Prescore.Cli.Options;

/// <summary>Options that several commands share, each created once a command.</summary>
internal static class RunOptions
{
    /// <summary>What the method grammar looks like, for the help of the commands that take one.</summary>
    public const string MethodGrammar = """
        Methods are written name[:option=value[,option=value]...]; options that are left out keep their defaults:
          exact                                  every key (the reference, always run)
          window:w=512                           the last w keys and the first 4
          hyper:block=128,sample=128,min=512     HyperAttention: blocks of sorted keys and a sample of the rest
          prescored:scorer=kmeans,s=256,w=64,inner=exact
                                                 the s keys with the best scores and a window; inner=hyper: the paper's;
                                                 rest=coreset,reps=64: the others as weighted representatives
          coreset:s=64,w=64                      a window, and s weighted means of clusters of all other keys
          clustered:error=0.1                    every key: near ones and those that matter to a query exactly, the others
                                                 as one term a cluster; measures its own error and spends what the
                                                 target error needs, or budget=0.2, or the lower of both
        docs/methods.md describes every option.
        """;

    private const int MaximumThreads = 1024;

    public static Option<string?> Model() =>
        PathOptions.Model("--model", "Model: a .gguf file, a folder, or a fetched one by its name. Default: the embedded SmolLM2-135M-Instruct.");

    public static Option<string?> Text() =>
        PathOptions.Text("--text", "Text file (UTF-8); - is the standard input. Default: the embedded part of War and Peace.");

    public static Option<string[]> Methods(string description)
    {
        var option = new Option<string[]>("--methods")
        {
            Description = description,
            HelpName = "SPEC",
            AllowMultipleArgumentsPerToken = true,
            Arity = ArgumentArity.OneOrMore,
        };
        // A list of values swallows a misspelt option that follows it.
        option.Validators.Add(result =>
        {
            if (result.Tokens.FirstOrDefault(token => token.Value.StartsWith('-')) is { } token)
            {
                result.AddError(UnknownNames.Option(token.Value, ((CommandResult)result.Parent!).Command));
            }
        });
        return option;
    }

    public static Option<double?> Budget(string description) =>
        NumberOptions.Positive("--budget", description, maximum: 1);

    public static Option<int?> Threads() =>
        NumberOptions.Whole("--threads", "Number of threads. Default: all processors.", minimum: 1, maximum: MaximumThreads);

    public static Option<ulong?> Seed() =>
        NumberOptions.Whole("--seed", "Seed of everything random. Default: 0.", minimum: 0UL);

    public static Option<string?> Json(string what) => PathOptions.Output("--json", $"Write {what} as JSON (docs/json.md).");

    public static Option<string?> Plot(string what) => PathOptions.Output("--plot", $"Draw {what} as a PNG file.");

    public static Option<string?> Rope() => new("--rope")
    {
        Description = $"Scale positions for contexts beyond the trained one: {RopeScaling.Grammar}.",
        HelpName = "SCALING",
    };

    public static Option<bool> AllowLong() => new("--allow-long")
    {
        Description = "Accept a context beyond the trained (and scaled) one.",
    };

    /// <summary>The scaling that <c>--rope</c> describes, or null.</summary>
    /// <exception cref="BadInputException">It describes none.</exception>
    public static RopeScaling? Scaling(string? text)
    {
        try
        {
            return text is null ? null : RopeScaling.Parse(text);
        }
        catch (FormatException exception)
        {
            throw new BadInputException($"--rope: {exception.Message}");
        }
    }

    /// <summary>Options of a run from <c>--threads</c> and <c>--seed</c>.</summary>
    public static AttentionOptions Attention(int? threads, ulong? seed) => new()
    {
        Threads = threads ?? Environment.ProcessorCount,
        Seed = seed ?? 0,
    };
}
