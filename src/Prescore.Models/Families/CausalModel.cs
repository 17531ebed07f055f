using System.Numerics.Tensors;
using Prescore.Attention.Contracts;
using Prescore.Models.Formats;
using Prescore.Models.Layers;

namespace Prescore.Models.Families;

/// <summary>
/// A decoder-only language model: embedding, transformer blocks, final norm and head, whatever its family. It holds no state
/// of a sequence and is safe to share between sessions and threads; it keeps its file open, as some weights stay there.
/// </summary>
public sealed class CausalModel : IDisposable
{
    private readonly ITensorSource _source;
    private readonly TokenEmbedding _embedding;
    private readonly TransformerBlock[] _blocks;
    private readonly RowOperation _finalNorm;
    private readonly Linear _head;
    private readonly float? _logitCap;
    private readonly ContextLimits _limits;
    private readonly Lazy<string> _sha256;

    internal CausalModel(
        ModelConfiguration configuration,
        ModelOptions options,
        string path,
        ITensorSource source,
        TokenEmbedding embedding,
        TransformerBlock[] blocks,
        RowOperation finalNorm,
        Linear head,
        float? logitCap,
        ContextLimits limits)
    {
        (Configuration, Options, _source) = (configuration, options, source);
        (_embedding, _blocks, _finalNorm, _head, _logitCap, _limits) = (embedding, blocks, finalNorm, head, logitCap, limits);
        _sha256 = new Lazy<string>(() => ModelHash.Of(path));
        Widths = _blocks.Aggregate(default(BlockWidths), (widths, block) => widths.Or(block.Widths));
    }

    /// <summary>Names of all architectures of GGUF files that can be loaded.</summary>
    public static IReadOnlyList<string> Architectures => ModelFamilies.Architectures;

    /// <summary>Model types of Hugging Face folders that can be loaded.</summary>
    public static IReadOnlyList<string> ModelTypes => ModelFamilies.ModelTypes;

    /// <summary>Sizes.</summary>
    public ModelConfiguration Configuration { get; }

    /// <summary>How it was loaded.</summary>
    public ModelOptions Options { get; }

    /// <summary>SHA-256 of the model's file, or of all files of its folder that make the model; computed when it is first asked for.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public string Sha256 => _sha256.Value;

    /// <summary>The transformer layers.</summary>
    public IReadOnlyList<TransformerBlock> Blocks => _blocks;

    /// <summary>What a row needs in a workspace.</summary>
    public BlockWidths Widths { get; }

    /// <summary>Bytes of the matrices, in memory or in the mapped file.</summary>
    public long WeightBytes => _head.Bytes + _blocks.Sum(block => block.Bytes);

    /// <summary>Shape of a layer's attention; heads and sizes are every layer's.</summary>
    public CacheShape AttentionShape => _blocks[0].Shape;

    /// <summary>
    /// Most tokens of a sequence: the trained context, times the scaling's factor, or no limit where the options allow long
    /// contexts and the model has positions for them.
    /// </summary>
    public int ContextLimit
    {
        get
        {
            if (_limits.IsHard)
            {
                return _limits.Tokens;
            }
            int trained = Options.Rope is YarnScaling { OriginalContext: > 0 } rope ? rope.OriginalContext
                : Options.Rope is null ? _limits.Tokens
                : Configuration.TrainedContext;
            return Options.AllowLong ? int.MaxValue : (int)Math.Min(int.MaxValue, trained * (Options.Rope?.Factor ?? 1));
        }
    }

    /// <summary>Loads a GGUF file (or one part of a split one), or a Hugging Face folder with <c>config.json</c> and safetensors.</summary>
    /// <exception cref="ModelFormatException">Not a valid file, an unknown architecture, missing tensors or wrong shapes.</exception>
    /// <exception cref="InsufficientMemoryException">The weights do not fit into memory.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static CausalModel Load(string path, ModelOptions? options = null, CancellationToken cancellationToken = default) =>
        ModelFamilies.Load(path, options ?? new ModelOptions(), cancellationToken);

    /// <summary>Refuses a sequence that the model cannot take, before any work is done.</summary>
    /// <exception cref="ContextLimitException">More tokens than <see cref="ContextLimit"/>.</exception>
    public void RequireContext(int tokens)
    {
        if (tokens > ContextLimit)
        {
            throw new ContextLimitException(tokens, ContextLimit);
        }
    }

    /// <summary>Writes the input of the first layer, dense [tokens, hidden].</summary>
    /// <param name="tokens">Token ids.</param>
    /// <param name="position">Absolute position of the first token.</param>
    /// <param name="hidden">Receives [tokens, hidden].</param>
    /// <exception cref="ArgumentException">A token is not in the vocabulary; thrown before anything is written.</exception>
    public void Embed(ReadOnlySpan<int> tokens, int position, Span<float> hidden) => _embedding.Apply(tokens, position, hidden);

    /// <summary>Final norm of one row, out of place.</summary>
    public void FinalNorm(ReadOnlySpan<float> row, Span<float> normalised) => _finalNorm.Apply(row, normalised);

    /// <summary>Logits of some rows of hidden states after the final norm.</summary>
    /// <param name="hidden">Dense [rows, hidden].</param>
    /// <param name="rows">Number of rows.</param>
    /// <param name="logits">Receives dense [rows, vocabulary].</param>
    /// <param name="threads">Number of threads; 0: those of <see cref="Options"/>.</param>
    /// <exception cref="ArgumentException">A span is too short.</exception>
    public void Logits(ReadOnlySpan<float> hidden, int rows, Span<float> logits, int threads = 0)
    {
        _head.Apply(hidden, Configuration.HiddenSize, rows, logits, threads == 0 ? Options.Threads : threads);
        if (_logitCap is float cap)
        {
            Span<float> all = logits[..(rows * Configuration.VocabularySize)];
            TensorPrimitives.Divide(all, cap, all);
            TensorPrimitives.Tanh(all, all);
            TensorPrimitives.Multiply(all, cap, all);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _head.Dispose();
        foreach (TransformerBlock block in _blocks)
        {
            block.Dispose();
        }
        _source.Dispose();
    }
}
