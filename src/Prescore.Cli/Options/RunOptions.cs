using System.CommandLine;
using System.CommandLine.Parsing;
using Prescore.Attention.Contracts;
using Prescore.Experiments;
using Prescore.Kernels;
using Prescore.Models.Layers;

namespace Prescore.Cli.Options;

/// <summary>Options that several commands share, each created once a command.</summary>
internal static class RunOptions
{
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

    public static Option<ActivationPrecision> Activations() => new("--activations")
    {
        Description = "What linear layers multiply: activations as floats, or rounded to eight bits in front of four-bit weights (docs/generation.md). Default: float.",
        HelpName = "float|int8",
        CustomParser = result => result.Tokens[0].Value switch
        {
            "float" => ActivationPrecision.Float,
            "int8" => ActivationPrecision.Int8,
            string other => Refuse(result, other),
        },
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

    private static ActivationPrecision Refuse(ArgumentResult result, string text)
    {
        result.AddError($"--activations takes float or int8, not '{text}'.");
        return ActivationPrecision.Float;
    }

    /// <summary>Options of a run from <c>--threads</c> and <c>--seed</c>.</summary>
    public static AttentionOptions Attention(int? threads, ulong? seed) => new()
    {
        Threads = threads ?? Environment.ProcessorCount,
        Seed = seed ?? 0,
    };
}
