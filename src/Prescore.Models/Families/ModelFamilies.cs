using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Specs;

namespace Prescore.Models.Families;

/// <summary>The registry of model families: one line a name that files give themselves.</summary>
internal static class ModelFamilies
{
    /// <summary>By <c>general.architecture</c> of GGUF files.</summary>
    private static readonly Dictionary<string, Func<ModelMetadata, ITensorSource, DecoderPlan>> Gguf = new()
    {
        ["llama"] = (metadata, _) => LlamaFamily.Plan(metadata),
        ["qwen2"] = (metadata, _) => Qwen2Family.Plan(metadata),
        ["qwen3"] = (metadata, _) => Qwen3Family.Plan(metadata),
        ["chatglm"] = (metadata, _) => ChatGlmFamily.Plan(metadata),
        ["gemma3"] = (metadata, _) => Gemma3Family.Plan(metadata),
        ["gpt2"] = Gpt2Family.Plan,
    };

    /// <summary>By <c>model_type</c> of a <c>config.json</c>.</summary>
    private static readonly Dictionary<string, Func<ModelMetadata, ITensorSource, DecoderPlan>> HuggingFace = new()
    {
        ["llama"] = (metadata, _) => LlamaFamily.Plan(metadata),
        ["mistral"] = (metadata, _) => MistralFamily.Plan(metadata),
        ["qwen2"] = (metadata, _) => Qwen2Family.Plan(metadata),
        ["qwen3"] = (metadata, _) => Qwen3Family.Plan(metadata),
        ["glm"] = (metadata, _) => GlmFamily.Plan(metadata),
        ["chatglm"] = (metadata, _) => ChatGlmFamily.Plan(metadata),
        ["gemma3_text"] = (metadata, _) => Gemma3Family.Plan(metadata),
        ["gpt2"] = Gpt2Family.Plan,
    };

    /// <summary>Names of all architectures of GGUF files that can be loaded.</summary>
    public static string[] Architectures { get; } = [.. Gguf.Keys];

    /// <summary>Model types of Hugging Face folders that can be loaded.</summary>
    public static string[] ModelTypes { get; } = [.. HuggingFace.Keys];

    /// <summary>Loads a GGUF file, or a folder with <c>config.json</c> and safetensors.</summary>
    public static CausalModel Load(string path, ModelOptions options, CancellationToken cancellationToken)
    {
        bool isFolder = Directory.Exists(path);
        if (isFolder && !File.Exists(Path.Combine(path, "config.json")))
        {
            throw new ModelFormatException(path, "the folder has no config.json", "give a folder as the Hugging Face hub has it, or a .gguf file");
        }
        ModelMetadata? metadata = isFolder ? ConfigModelMetadata.Read(Path.Combine(path, "config.json")) : null;
        Func<ModelMetadata, ITensorSource, DecoderPlan>? family = metadata is null ? null : Find(metadata, HuggingFace, "model type");
        ITensorSource source = isFolder ? TensorSource.Open(path) : GgufFile.Open(path);
        try
        {
            metadata ??= new GgufModelMetadata((GgufFile)source);
            family ??= Find(metadata, Gguf, "architecture");
            DecoderPlan plan = family(metadata, source);
            metadata.RefuseUnread();
            MemoryEstimate.OfWeights(source).Require(MemoryEstimate.Available());
            return new DecoderBuilder(plan, path, source, options).Build(cancellationToken);
        }
        catch
        {
            source.Dispose();
            throw;
        }
    }

    private static Func<ModelMetadata, ITensorSource, DecoderPlan> Find(
        ModelMetadata metadata, Dictionary<string, Func<ModelMetadata, ITensorSource, DecoderPlan>> families, string what) =>
        families.GetValueOrDefault(metadata.Architecture) ?? throw new ModelFormatException(
            metadata.Path, UnknownName.Describe(what, metadata.Architecture, [.. families.Keys]), "use a model of a known architecture");
}
