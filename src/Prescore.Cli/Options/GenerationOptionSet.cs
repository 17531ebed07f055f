using System.CommandLine;
using System.Globalization;
using Prescore.Experiments;
using Prescore.Generation;
using Prescore.Generation.Sampling;

namespace Prescore.Cli.Options;

/// <summary>The options of every command that generates text.</summary>
internal sealed class GenerationOptionSet
{
    /// <summary>What the options do, for the help of the commands that have them.</summary>
    public const string Notes = """
        Tokens are chosen greedily unless --temperature is above 0; then filters work in this order: repetition penalty,
        temperature, top-k, top-p, min-p. The same seed, prompt and options give the same text. The text goes to the
        standard output as it comes, time to first token and tokens/s to the error stream. Ctrl+C keeps what was said.
        """;

    private const int DefaultMaxTokens = 256;

    private readonly Option<int?> _maxTokens = NumberOptions.Whole(
        "--max-tokens", $"Most tokens to generate. Default: {DefaultMaxTokens}.", minimum: 1);
    private readonly Option<double> _temperature = Number("--temperature", "T", "0: always the likeliest token; 1: the model's own distribution.", 0);
    private readonly Option<int?> _topK = NumberOptions.Whole("--top-k", "Draw from the K likeliest tokens only. Default: 0, all.", minimum: 0, "K");
    private readonly Option<double> _topP = Number("--top-p", "P", "Draw from the likeliest tokens that together have this probability.", 1);
    private readonly Option<double> _minP = Number("--min-p", "P", "Draw from tokens with this share of the likeliest one's probability.", 0);
    private readonly Option<double> _penalty = Number("--repetition-penalty", "F", "Above 1: make tokens less likely that occurred among the last 64.", 1);
    private readonly Option<string[]> _stop = new("--stop")
    {
        Description = "End before this text; may be given several times.",
        HelpName = "TEXT",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private readonly Option<bool> _ignoreEnd = new("--ignore-end") { Description = "Go on after tokens that end a text." };

    /// <summary>All of them, for the command.</summary>
    public IEnumerable<Option> All => [_maxTokens, _temperature, _topK, _topP, _minP, _penalty, _stop, _ignoreEnd];

    /// <summary>What they say.</summary>
    /// <exception cref="BadInputException">One is out of range.</exception>
    public GenerationOptions Read(ParseResult parsed, ulong? seed)
    {
        var sampling = new SamplingOptions
        {
            Temperature = parsed.GetValue(_temperature),
            TopK = parsed.GetValue(_topK) ?? 0,
            TopP = parsed.GetValue(_topP),
            MinP = parsed.GetValue(_minP),
            RepetitionPenalty = parsed.GetValue(_penalty),
            Seed = seed ?? 0,
        };
        string[] stops = parsed.GetValue(_stop) ?? [];
        if (stops.Contains(""))
        {
            throw new BadInputException("--stop must not be empty");
        }
        try
        {
            sampling.Validate();
        }
        catch (ArgumentOutOfRangeException error)
        {
            throw new BadInputException(string.Create(CultureInfo.InvariantCulture, $"{OptionName(error.ParamName!)} is out of range: {error.ActualValue}"));
        }
        return new GenerationOptions
        {
            Sampling = sampling,
            MaxTokens = parsed.GetValue(_maxTokens) ?? DefaultMaxTokens,
            StopStrings = stops,
            IgnoresEnd = parsed.GetValue(_ignoreEnd),
        };
    }

    private static Option<double> Number(string name, string valueName, string description, double value) => new(name)
    {
        Description = string.Create(CultureInfo.InvariantCulture, $"{description} Default: {value}."),
        HelpName = valueName,
        CustomParser = result =>
        {
            string text = result.Tokens[0].Value;
            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double number))
            {
                result.AddError($"{name} must be a number, but is '{text}'");
            }
            return number;
        },
        DefaultValueFactory = _ => value,
    };

    /// <summary>The option's name of a property's, such as --top-k of TopK.</summary>
    private static string OptionName(string property) =>
        "-" + string.Concat(property.Select(letter => char.IsUpper(letter) ? $"-{char.ToLowerInvariant(letter)}" : letter.ToString()));
}
