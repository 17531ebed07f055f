using System.CommandLine;
using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Experiments;
using Prescore.Models.Families;
using Prescore.Models.Images;

namespace Prescore.Cli.Options;

/// <summary>Options that the commands on images share, and what they say.</summary>
internal sealed class VisionOptions
{
    /// <summary>Largest side of an input: some 130,000 patches of 14 pixels.</summary>
    private const int LargestSize = 5040;

    private readonly Option<string?> _model = PathOptions.Model("--model", "Model folder (config.json, model.safetensors). Default: the embedded small ViT.");
    private readonly Option<string> _attention = new("--attention")
    {
        Description = "The method that every layer uses.",
        HelpName = "SPEC",
        DefaultValueFactory = _ => "exact",
    };

    private readonly Option<int?> _size = NumberOptions.Whole("--size", "Side of the model's input in pixels. Default: as the model says.", 1, "PIXELS", LargestSize);
    private readonly Option<int?> _threads = RunOptions.Threads();
    private readonly Option<ulong?> _seed = RunOptions.Seed();

    /// <summary>The options to add to a command.</summary>
    public IEnumerable<Option> All => [_model, _attention, _size, _threads, _seed];

    /// <summary>The images of a command.</summary>
    public static Argument<string[]> Images(ArgumentArity arity) => PathOptions.ImageArguments("IMAGE", "PNG or JPEG files.", arity);

    /// <summary>Loads the model.</summary>
    public VisionModel LoadModel(ParseResult parsed) =>
        VisionModel.Load(parsed.GetValue(_model) ?? EmbeddedFiles.VisionModel, new ModelOptions { Threads = Run(parsed).Threads });

    /// <summary>The method.</summary>
    public IAttention Attention(ParseResult parsed) => AttentionMethods.Create(parsed.GetValue(_attention)!);

    /// <summary>Threads and seed.</summary>
    public AttentionOptions Run(ParseResult parsed) => RunOptions.Attention(parsed.GetValue(_threads), parsed.GetValue(_seed));

    /// <summary>The model's preprocessing, at the size that was asked for.</summary>
    /// <exception cref="BadInputException">The size is less than a patch.</exception>
    public ImagePreprocessing Preprocessing(ParseResult parsed, VisionModel model) => parsed.GetValue(_size) switch
    {
        null => model.Preprocessing,
        int size when size >= model.Configuration.PatchSize => model.Preprocessing.ForSize(size),
        int size => throw new BadInputException($"--size {size} is less than a patch of {model.Configuration.PatchSize} pixels"),
    };
}
