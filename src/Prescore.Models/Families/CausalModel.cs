using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Inference;
using Prescore.Models.Layers;
using Prescore.Specs;

namespace Prescore.Models.Families;

/// <summary>
/// A decoder-only language model with its weights packed for the kernels. It holds no state of a sequence and is safe to
/// share between sessions and threads.
/// </summary>
public abstract class CausalModel : IDisposable
{
    /// <summary>The registry of model families by <c>general.architecture</c>: one line a family.</summary>
    private static readonly (string Architecture, Func<GgufFile, ModelOptions, CancellationToken, CausalModel> Load)[] Families =
    [
        ("llama", LlamaModel.Load),
    ];

    private protected CausalModel(ModelConfiguration configuration, ModelOptions options)
    {
        Configuration = configuration;
        Options = options;
    }

    /// <summary>Names of all architectures that can be loaded.</summary>
    public static string[] Architectures { get; } = [.. Families.Select(family => family.Architecture)];

    /// <summary>Sizes and constants.</summary>
    public ModelConfiguration Configuration { get; }

    /// <summary>How it was loaded.</summary>
    public ModelOptions Options { get; }

    /// <summary>Bytes of the packed weights.</summary>
    public abstract long WeightBytes { get; }

    /// <summary>The head [vocabulary, hidden]: its product with hidden states after the final norm gives logits.</summary>
    public abstract PackedMatrix Head { get; }

    /// <summary>Shape of every layer's attention.</summary>
    public CacheShape AttentionShape =>
        new(Configuration.QueryHeads, Configuration.KeyValueHeads, Configuration.HeadDimension, Configuration.HeadDimension);

    /// <summary>Most tokens of a sequence: the trained context, times the options' scaling factor, or no limit where the options allow long contexts.</summary>
    public int ContextLimit
    {
        get
        {
            int trained = Options.Rope is YarnScaling { OriginalContext: > 0 } rope ? rope.OriginalContext : Configuration.TrainedContext;
            return Options.AllowLong ? int.MaxValue : (int)Math.Min(int.MaxValue, trained * (Options.Rope?.Factor ?? 1));
        }
    }

    /// <summary>Loads a GGUF file.</summary>
    /// <exception cref="ModelFormatException">Not a valid file, an unknown architecture, missing tensors or wrong shapes.</exception>
    /// <exception cref="InsufficientMemoryException">The weights do not fit into memory.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static CausalModel Load(string path, ModelOptions? options = null, CancellationToken cancellationToken = default)
    {
        using GgufFile file = GgufFile.Open(path);
        string architecture = file.Metadata.GetString("general.architecture");
        foreach ((string known, Func<GgufFile, ModelOptions, CancellationToken, CausalModel> load) in Families)
        {
            if (known == architecture)
            {
                MemoryEstimate.OfWeights(file).Require(MemoryEstimate.Available());
                return load(file, options ?? new ModelOptions(), cancellationToken);
            }
        }
        throw new ModelFormatException(
            path, UnknownName.Describe("architecture", architecture, Architectures), "use a model of a known architecture");
    }

    /// <summary>Refuses a sequence that the model cannot take, before any work is done.</summary>
    /// <exception cref="ContextLimitException">More tokens than <see cref="ContextLimit"/>.</exception>
    public void RequireContext(int tokens)
    {
        if (tokens > ContextLimit)
        {
            throw new ContextLimitException(tokens, ContextLimit);
        }
    }

    /// <summary>Writes the embeddings of tokens, dense [tokens, hidden].</summary>
    /// <exception cref="ArgumentException">A token is not in the vocabulary.</exception>
    public abstract void Embed(ReadOnlySpan<int> tokens, Span<float> hidden);

    /// <summary>Final norm of one row, out of place.</summary>
    public abstract void FinalNorm(ReadOnlySpan<float> row, Span<float> normalised);

    /// <summary>Queries, keys and values of some rows of the residual stream at consecutive positions, RoPE applied.</summary>
    /// <param name="layer">Layer.</param>
    /// <param name="hidden">Residual stream, dense [rows, hidden].</param>
    /// <param name="rows">Number of rows, at most the chunk that <paramref name="workspace"/> was made ready for.</param>
    /// <param name="position">Absolute position of the first row.</param>
    /// <param name="queries">Receives [rows, query heads, d].</param>
    /// <param name="keys">Receives [rows, key/value heads, d].</param>
    /// <param name="values">Receives [rows, key/value heads, d].</param>
    /// <param name="workspace">Buffers of the session.</param>
    internal abstract void ProjectAttention(
        int layer, ReadOnlyMemory<float> hidden, int rows, int position, Memory<float> queries, Memory<float> keys, Memory<float> values, LayerWorkspace workspace);

    /// <summary>Adds attention's projected output and the feed-forward layer to some rows of the residual stream.</summary>
    /// <param name="layer">Layer.</param>
    /// <param name="attended">Attention outputs, dense [rows, query heads, d].</param>
    /// <param name="hidden">Residual stream [rows, hidden], updated in place.</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="workspace">Buffers of the session.</param>
    internal abstract void FinishLayer(int layer, ReadOnlyMemory<float> attended, Memory<float> hidden, int rows, LayerWorkspace workspace);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    private protected abstract void Dispose(bool disposing);
}
