using Prescore.Models.Formats;
using Prescore.Models.Images;
using Prescore.Models.Layers;
using Prescore.Specs;

namespace Prescore.Models.Families;

/// <summary>
/// A vision transformer with its weights packed for the kernels: patch embedding, blocks, final norm and, where the file has
/// one, a classifier. It holds no state of an image and is safe to share between threads.
/// </summary>
public sealed class VisionModel : IDisposable
{
    /// <summary>The registry of families by <c>model_type</c>: one line a family.</summary>
    private static readonly (string ModelType, Func<ConfigModelMetadata, ITensorSource, VisionPlan> Plan)[] Families =
    [
        ("vit", VitFamily.Plan),
        ("dinov2", Dinov2Family.Plan),
    ];

    private readonly TransformerBlock[] _blocks;
    private readonly RowOperation _finalNorm;
    private readonly Linear? _classifier;
    private readonly bool _classifiesPatchMean;

    internal VisionModel(VisionPlan plan, ImagePreprocessing preprocessing, PatchEmbedding embedding, TransformerBlock[] blocks, RowOperation finalNorm, Linear? classifier)
    {
        (Configuration, Preprocessing, Embedding) = (plan.Configuration, preprocessing, embedding);
        (_blocks, _finalNorm, _classifier, _classifiesPatchMean) = (blocks, finalNorm, classifier, plan.ClassifiesPatchMean);
    }

    /// <summary>Model types that can be loaded.</summary>
    public static IReadOnlyList<string> ModelTypes { get; } = [.. Families.Select(family => family.ModelType)];

    /// <summary>Sizes and labels.</summary>
    public VisionConfiguration Configuration { get; }

    /// <summary>How an image becomes an input.</summary>
    public ImagePreprocessing Preprocessing { get; }

    /// <summary>Makes tokens of an image.</summary>
    public PatchEmbedding Embedding { get; }

    /// <summary>The transformer layers.</summary>
    public IReadOnlyList<TransformerBlock> Blocks => _blocks;

    /// <summary>Number of classes; 0 without a classifier.</summary>
    public int Classes => _classifier?.Outputs ?? 0;

    /// <summary>Whether a path is a model folder whose <c>config.json</c> names a vision family.</summary>
    public static bool IsVisionFolder(string path) =>
        File.Exists(Path.Combine(path, "config.json"))
        && ModelTypes.Contains(ConfigModelMetadata.Read(Path.Combine(path, "config.json")).Architecture);

    /// <summary>Loads a Hugging Face folder: <c>config.json</c>, safetensors and, if there, <c>preprocessor_config.json</c>.</summary>
    /// <exception cref="ModelFormatException">Not a valid folder, an unknown model type, missing tensors or wrong shapes.</exception>
    /// <exception cref="IOException">A file is missing or cannot be read.</exception>
    public static VisionModel Load(string folder, ModelOptions? options = null)
    {
        string config = Path.Combine(folder, "config.json"), preprocessor = Path.Combine(folder, "preprocessor_config.json");
        if (!File.Exists(config))
        {
            throw new ModelFormatException(folder, "there is no config.json in this folder", "give a folder as the Hugging Face hub has it");
        }
        ConfigModelMetadata metadata = ConfigModelMetadata.Read(config);
        foreach ((string type, Func<ConfigModelMetadata, ITensorSource, VisionPlan> plan) in Families)
        {
            if (type == metadata.Architecture)
            {
                using ITensorSource source = TensorSource.OpenSafetensors(folder);
                VisionPlan planned = plan(metadata, source);
                metadata.RefuseUnread();
                ImagePreprocessing preprocessing = File.Exists(preprocessor)
                    ? ImagePreprocessing.Read(preprocessor, planned.Preprocessing)
                    : planned.Preprocessing;
                MemoryEstimate.OfWeights(source).Require(MemoryEstimate.Available());
                return new VisionBuilder(planned, source, options ?? new ModelOptions()).Build(preprocessing);
            }
        }
        throw new ModelFormatException(
            config, UnknownName.Describe("vision model type", metadata.Architecture, [.. ModelTypes]), "use a model of a known type");
    }

    /// <summary>Final norm of one row, out of place.</summary>
    public void FinalNorm(ReadOnlySpan<float> row, Span<float> normalised) => _finalNorm.Apply(row, normalised);

    /// <summary>Logits of one image.</summary>
    /// <param name="features">What the model made of it.</param>
    /// <returns>One logit a class.</returns>
    /// <exception cref="InvalidOperationException">The model has no classifier.</exception>
    public float[] Classify(VisionFeatures features)
    {
        Linear classifier = _classifier ?? throw new InvalidOperationException("this model has no classifier");
        float[] input = _classifiesPatchMean ? features.ClsAndPatchMean() : features.Cls.ToArray();
        var logits = new float[classifier.Outputs];
        classifier.Apply(input, input.Length, 1, logits, threads: 1);
        return logits;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Embedding.Dispose();
        _classifier?.Dispose();
        Array.ForEach(_blocks, block => block.Dispose());
    }
}
