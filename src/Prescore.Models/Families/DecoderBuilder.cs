using System.Collections.Concurrent;
using System.Runtime.ExceptionServices;
using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Models.Formats;
using Prescore.Models.Layers;

namespace Prescore.Models.Families;

/// <summary>Builds a decoder from a plan and the tensors of a file.</summary>
internal sealed class DecoderBuilder(DecoderPlan plan, string path, ITensorSource source, ModelOptions options)
{
    private const string Embedding = "token_embd.weight";
    private const string Head = "output.weight";
    private const string RopeDivisors = "rope_freqs.weight";

    private readonly ConcurrentDictionary<RotaryPlan, RotaryEmbedding> _rotaries = [];
    private readonly ModelTensors _tensors = new(source, plan.Names, options);
    private readonly ModelConfiguration _sizes = plan.Configuration;
    private float[] _divisors = [];

    /// <summary>Reads all weights, layers in parallel.</summary>
    /// <exception cref="ModelFormatException">A tensor is missing, of the wrong shape, holds values that are not finite, or has no place.</exception>
    public CausalModel Build(CancellationToken cancellationToken)
    {
        ModelConfiguration configuration = WithVocabulary();
        if (_tensors.Has(RopeDivisors))
        {
            _divisors = ReadDivisors();
        }
        RowOperation finalNorm = Norm("output_norm", _sizes.HiddenSize);
        // One reading of a layer bounds what is allocated for the list of layers.
        if (_sizes.Layers > source.Tensors.Count)
        {
            throw new ModelFormatException(
                source.Path, $"the metadata ask for {_sizes.Layers} layers in a file of {source.Tensors.Count} tensors", "convert the model anew");
        }
        var blocks = new TransformerBlock[_sizes.Layers];
        Linear? head = null;
        try
        {
            ReadBlocks(blocks, cancellationToken);
            head = new Linear(ReadHead(configuration));
            var embedding = new TokenEmbedding
            {
                VocabularySize = configuration.VocabularySize,
                HiddenSize = configuration.HiddenSize,
                Tokens = _tensors.Table(Embedding, configuration.VocabularySize, configuration.HiddenSize),
                Scale = plan.EmbeddingScale,
                Positions = plan.LearnedPositions ? _tensors.Table("position_embd.weight", configuration.TrainedContext, configuration.HiddenSize) : null,
            };
            _tensors.RefuseUnread(plan.IsBuffer);
            return new CausalModel(configuration, options, path, source, embedding, blocks, finalNorm, head, plan.LogitCap, Limit());
        }
        catch
        {
            head?.Dispose();
            foreach (TransformerBlock? block in blocks)
            {
                block?.Dispose();
            }
            throw;
        }
    }

    private ModelConfiguration WithVocabulary()
    {
        long rows = _tensors.RowsOf(Embedding);
        if (rows > int.MaxValue || (_sizes.VocabularySize > 0 && rows != _sizes.VocabularySize))
        {
            throw new ModelFormatException(
                source.Path, $"the embedding has {rows} rows where the metadata ask for {_sizes.VocabularySize}", "convert the model anew");
        }
        return _sizes with { VocabularySize = (int)rows };
    }

    private float[] ReadDivisors()
    {
        RotarySettings settings = plan.Rotary(0)?.Settings ?? throw new ModelFormatException(
            source.Path, $"tensor '{RopeDivisors}' has no place in this architecture", "the model is of a variant that is not supported");
        float[] divisors = _tensors.Vector(RopeDivisors, settings.Dimensions / 2);
        return divisors.AsSpan().ContainsAnyExceptInRange(float.Epsilon, float.MaxValue)
            ? throw new ModelFormatException(source.Path, $"tensor '{RopeDivisors}' holds a divisor that is not positive", "convert the model anew")
            : divisors;
    }

    private ContextLimits Limit()
    {
        RotaryPlan? rotary = plan.Rotary(_sizes.Layers - 1);
        // Beyond learned positions there is nothing to read; beyond a dynamic scaling's context its frequencies would change.
        return new ContextLimits(rotary?.Context ?? _sizes.TrainedContext, rotary is null || rotary.IsDynamic);
    }

    private WeightMatrix ReadHead(ModelConfiguration configuration)
    {
        bool tied = plan.TiedHead ?? !_tensors.Has(Head);
        if (tied && _tensors.Has(Head))
        {
            // Some files store the embedding twice.
            _tensors.Skip(Head);
        }
        return _tensors.Matrix(configuration.VocabularySize, configuration.HiddenSize, options.Threads, tied ? Embedding : Head);
    }

    private void ReadBlocks(TransformerBlock[] blocks, CancellationToken cancellationToken)
    {
        try
        {
            Parallel.For(
                0,
                blocks.Length,
                new ParallelOptions { MaxDegreeOfParallelism = options.Threads, CancellationToken = cancellationToken },
                layer => blocks[layer] = ReadBlock(layer));
        }
        catch (AggregateException errors)
        {
            // All layers may lack the same thing: one of them tells enough.
            ExceptionDispatchInfo.Throw(errors.InnerExceptions[0]);
        }
    }

    private TransformerBlock ReadBlock(int layer)
    {
        string Name(string part) => $"blk.{layer}.{part}";
        int hidden = _sizes.HiddenSize, d = _sizes.HeadDimension;
        return new TransformerBlock
        {
            Shape = new CacheShape(_sizes.QueryHeads, _sizes.KeyValueHeads, d, d, plan.AttentionScale(layer)),
            Window = plan.Window(layer),
            AttentionNorm = Norm(Name("attn_norm"), hidden),
            QueriesKeysValues = ReadProjection(Name),
            QueryNorm = plan.HeadNorms ? Norm(Name("attn_q_norm"), d) : null,
            KeyNorm = plan.HeadNorms ? Norm(Name("attn_k_norm"), d) : null,
            // One for all layers that turn alike: its angles are computed once for all of them.
            Rotary = plan.Rotary(layer) is RotaryPlan rotary ? _rotaries.GetOrAdd(rotary, kind => kind.Create(_divisors, options.Rope)) : null,
            AttentionOutput = ReadLinear(plan.OutputBias, hidden, (long)_sizes.QueryHeads * d, Name("attn_output")),
            AfterAttention = plan.BranchNorms ? Norm(Name("post_attention_norm"), hidden) : null,
            FeedForwardNorm = Norm(Name("ffn_norm"), hidden),
            FeedForward = ReadFeedForward(Name),
            AfterFeedForward = plan.BranchNorms ? Norm(Name("post_ffw_norm"), hidden) : null,
        };
    }

    private Linear ReadProjection(Func<string, string> name)
    {
        long rows = ((long)_sizes.QueryHeads + 2L * _sizes.KeyValueHeads) * _sizes.HeadDimension;
        return _tensors.Has(name("attn_qkv.weight"))
            ? ReadLinear(plan.ProjectionBias, rows, _sizes.HiddenSize, name("attn_qkv"))
            : ReadLinear(plan.ProjectionBias, rows, _sizes.HiddenSize, name("attn_q"), name("attn_k"), name("attn_v"));
    }

    private FeedForward ReadFeedForward(Func<string, string> name)
    {
        int inner = _sizes.FeedForwardSize;
        Linear up = plan.Gated && !plan.FusedGate
            ? ReadLinear(plan.FeedForwardBias, 2L * inner, _sizes.HiddenSize, name("ffn_gate"), name("ffn_up"))
            : ReadLinear(plan.FeedForwardBias, plan.Gated ? 2L * inner : inner, _sizes.HiddenSize, name("ffn_up"));
        return new FeedForward(up, plan.Activation, ReadLinear(plan.FeedForwardBias, _sizes.HiddenSize, inner, name("ffn_down")));
    }

    private Linear ReadLinear(Presence bias, long outputs, long inputs, params string[] parts)
    {
        WeightMatrix matrix = plan.Transposed
            ? _tensors.TransposedMatrix(outputs, checked((int)inputs), parts[0] + ".weight")
            // Layers are read side by side already.
            : _tensors.Matrix(outputs, checked((int)inputs), threads: 1, [.. parts.Select(part => part + ".weight")]);
        string[] biases = [.. parts.Select(part => part + ".bias")];
        bool has = bias == Presence.Required || (bias == Presence.Optional && biases.Any(_tensors.Has));
        return new Linear(matrix, has ? _tensors.Vectors(outputs, biases) : null);
    }

    private RowOperation Norm(string name, int length)
    {
        float[] weight = _tensors.Vector(name + ".weight", length);
        for (int i = 0; plan.NormOffset != 0 && i < weight.Length; i++)
        {
            weight[i] += plan.NormOffset;
        }
        return plan.LayerNorms
            ? new LayerNorm(weight, _tensors.Vector(name + ".bias", length), plan.NormEpsilon)
            : new RmsNorm(weight, plan.NormEpsilon);
    }
}
