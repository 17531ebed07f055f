using System.Numerics.Tensors;
using Prescore.Kernels;
using Prescore.Models.Gguf;

namespace Prescore.Models.Architectures;

/// <summary>
/// The Llama family (Touvron et al., arXiv 2302.13971; SmolLM2 is one): RMSNorm, rotary embedding, grouped-query
/// attention, SwiGLU. Query and key rows are in llama.cpp's order, so rotary pairs are neighbours.
/// </summary>
internal sealed class LlamaModel : CausalModel
{
    private readonly float[] _embedding;
    private readonly float[] _finalNorm;
    private readonly Layer[] _layers;
    private readonly RotaryEmbedding _rotary;

    private LlamaModel(ModelConfiguration configuration, ModelOptions options, RotaryEmbedding rotary, float[] embedding, float[] finalNorm, PackedMatrix head, Layer[] layers)
        : base(configuration, options)
    {
        _rotary = rotary;
        _embedding = embedding;
        _finalNorm = finalNorm;
        Head = head;
        _layers = layers;
    }

    public override PackedMatrix Head { get; }

    public override long WeightBytes =>
        sizeof(float) * (long)_embedding.Length + Head.Bytes + _layers.Sum(layer => layer.Matrices.Sum(matrix => matrix.Bytes));

    /// <summary>Loads the weights, dequantised and packed, on all threads of the options.</summary>
    public static LlamaModel Load(GgufFile file, ModelOptions options, CancellationToken cancellationToken)
    {
        ModelConfiguration configuration = ReadConfiguration(file);
        var tensors = new ModelTensors(file, options.Simd);
        int hidden = configuration.HiddenSize;
        float[] embedding = tensors.Vector("token_embd.weight", (long)configuration.VocabularySize * hidden);
        PackedMatrix head = file.HasTensor("output.weight")
            ? tensors.Matrix(configuration.VocabularySize, hidden, "output.weight")
            : PackedMatrix.Pack(embedding, configuration.VocabularySize, hidden, options.Simd);
        var layers = new Layer[configuration.Layers];
        Parallel.For(
            0,
            configuration.Layers,
            new ParallelOptions { MaxDegreeOfParallelism = options.Threads, CancellationToken = cancellationToken },
            layer => layers[layer] = Layer.Load(tensors, configuration, layer));
        float[] divisors = file.HasTensor("rope_freqs.weight") ? tensors.Vector("rope_freqs.weight", configuration.RopeDimensions / 2) : [];
        return new LlamaModel(
            configuration,
            options,
            RotaryEmbedding.Create(configuration, divisors, options.Rope),
            embedding,
            tensors.Vector("output_norm.weight", hidden),
            head,
            layers);
    }

    public override void Embed(ReadOnlySpan<int> tokens, Span<float> hidden)
    {
        int size = Configuration.HiddenSize;
        for (int i = 0; i < tokens.Length; i++)
        {
            if ((uint)tokens[i] >= (uint)Configuration.VocabularySize)
            {
                throw new ArgumentException($"token {tokens[i]} at index {i} is not in the vocabulary of {Configuration.VocabularySize}");
            }
            _embedding.AsSpan(tokens[i] * size, size).CopyTo(hidden[(i * size)..]);
        }
    }

    public override void FinalNorm(ReadOnlySpan<float> row, Span<float> normalised) =>
        RmsNorm.Apply(row, _finalNorm, Configuration.NormEpsilon, normalised);

    internal override void ProjectAttention(
        int layer, ReadOnlySpan<float> hidden, int rows, int position, Span<float> queries, Span<float> keys, Span<float> values, LayerWorkspace workspace)
    {
        Layer weights = _layers[layer];
        Normalise(hidden, rows, weights.AttentionNorm, workspace);
        int d = Configuration.HeadDimension;
        int queryWidth = Configuration.QueryHeads * d, keyWidth = Configuration.KeyValueHeads * d;
        int width = queryWidth + 2 * keyWidth;
        weights.QueriesKeysValues.Multiply(workspace.Normalised, Configuration.HiddenSize, rows, workspace.QueriesKeysValues, width, Options.Threads);
        Span<float> cosines = stackalloc float[_rotary.Pairs];
        Span<float> sines = stackalloc float[_rotary.Pairs];
        for (int row = 0; row < rows; row++)
        {
            Span<float> projected = workspace.QueriesKeysValues.AsSpan(row * width, width);
            _rotary.Angles(position + row, cosines, sines);
            for (int head = 0; head < Configuration.QueryHeads + Configuration.KeyValueHeads; head++)
            {
                RotaryEmbedding.RotateNeighbours(projected.Slice(head * d, d), cosines, sines);
            }
            projected[..queryWidth].CopyTo(queries[(row * queryWidth)..]);
            projected.Slice(queryWidth, keyWidth).CopyTo(keys[(row * keyWidth)..]);
            projected.Slice(queryWidth + keyWidth, keyWidth).CopyTo(values[(row * keyWidth)..]);
        }
    }

    internal override void FinishLayer(int layer, ReadOnlySpan<float> attended, Span<float> hidden, int rows, LayerWorkspace workspace)
    {
        Layer weights = _layers[layer];
        int size = Configuration.HiddenSize, width = Configuration.QueryHeads * Configuration.HeadDimension, inner = Configuration.FeedForwardSize;
        Span<float> stream = hidden[..(rows * size)];
        weights.AttentionOutput.Multiply(attended, width, rows, workspace.Projected, size, Options.Threads);
        TensorPrimitives.Add(stream, workspace.Projected.AsSpan(0, rows * size), stream);
        Normalise(stream, rows, weights.FeedForwardNorm, workspace);
        weights.GateAndUp.Multiply(workspace.Normalised, size, rows, workspace.GateAndUp, 2 * inner, Options.Threads);
        Parallel.For(
            0,
            rows,
            new ParallelOptions { MaxDegreeOfParallelism = Options.Threads },
            row => SwiGlu.Apply(workspace.GateAndUp.AsSpan(row * 2 * inner, inner), workspace.GateAndUp.AsSpan((row * 2 + 1) * inner, inner)));
        weights.Down.Multiply(workspace.GateAndUp, 2 * inner, rows, workspace.Projected, size, Options.Threads);
        TensorPrimitives.Add(stream, workspace.Projected.AsSpan(0, rows * size), stream);
    }

    private protected override void Dispose(bool disposing)
    {
        Head.Dispose();
        foreach (Layer layer in _layers)
        {
            foreach (PackedMatrix matrix in layer.Matrices)
            {
                matrix.Dispose();
            }
        }
    }

    private static ModelConfiguration ReadConfiguration(GgufFile file)
    {
        GgufMetadata metadata = file.Metadata;
        int hidden = metadata.GetCount("llama.embedding_length");
        int heads = metadata.GetCount("llama.attention.head_count");
        int headDimension = metadata.GetCount("llama.attention.key_length", hidden / Math.Max(1, heads));
        var configuration = new ModelConfiguration
        {
            Architecture = metadata.GetString("general.architecture"),
            Layers = metadata.GetCount("llama.block_count"),
            HiddenSize = hidden,
            QueryHeads = heads,
            KeyValueHeads = metadata.GetCount("llama.attention.head_count_kv", heads),
            HeadDimension = headDimension,
            FeedForwardSize = metadata.GetCount("llama.feed_forward_length"),
            VocabularySize = checked((int)file.GetTensor("token_embd.weight").Rows),
            TrainedContext = metadata.GetCount("llama.context_length"),
            NormEpsilon = metadata.GetFloat("llama.attention.layer_norm_rms_epsilon"),
            RopeBase = metadata.GetFloat("llama.rope.freq_base", 10000),
            RopeDimensions = metadata.GetCount("llama.rope.dimension_count", headDimension),
        };
        Check(file, configuration);
        return configuration;
    }

    private static void Check(GgufFile file, ModelConfiguration configuration)
    {
        string? problem =
            configuration.Layers < 1 || configuration.HiddenSize < 1 || configuration.FeedForwardSize < 1 || configuration.HeadDimension < 1 ? "a layer count or size is 0"
            : configuration.KeyValueHeads < 1 || configuration.QueryHeads % configuration.KeyValueHeads != 0 ? $"{configuration.QueryHeads} query heads are not a multiple of {configuration.KeyValueHeads} key/value heads"
            : configuration.RopeDimensions > configuration.HeadDimension || configuration.RopeDimensions % 2 != 0 ? $"{configuration.RopeDimensions} rotary dimensions do not fit a head of {configuration.HeadDimension}"
            : null;
        if (problem is not null)
        {
            throw new ModelFormatException(file.Path, problem, "the metadata are wrong: convert the model anew");
        }
    }

    private void Normalise(ReadOnlySpan<float> hidden, int rows, float[] weight, LayerWorkspace workspace)
    {
        int size = Configuration.HiddenSize;
        for (int row = 0; row < rows; row++)
        {
            RmsNorm.Apply(hidden.Slice(row * size, size), weight, Configuration.NormEpsilon, workspace.Normalised.AsSpan(row * size, size));
        }
    }

    /// <summary>Weights of one layer; products that share an input are one matrix.</summary>
    private sealed record Layer(
        float[] AttentionNorm, PackedMatrix QueriesKeysValues, PackedMatrix AttentionOutput, float[] FeedForwardNorm, PackedMatrix GateAndUp, PackedMatrix Down)
    {
        public IEnumerable<PackedMatrix> Matrices => [QueriesKeysValues, AttentionOutput, GateAndUp, Down];

        public static Layer Load(ModelTensors tensors, ModelConfiguration configuration, int layer)
        {
            string Name(string part) => $"blk.{layer}.{part}.weight";
            int hidden = configuration.HiddenSize, inner = configuration.FeedForwardSize;
            int queries = configuration.QueryHeads * configuration.HeadDimension;
            int keys = configuration.KeyValueHeads * configuration.HeadDimension;
            return new Layer(
                tensors.Vector(Name("attn_norm"), hidden),
                tensors.Matrix(queries + 2 * keys, hidden, Name("attn_q"), Name("attn_k"), Name("attn_v")),
                tensors.Matrix(hidden, queries, Name("attn_output")),
                tensors.Vector(Name("ffn_norm"), hidden),
                tensors.Matrix(2 * inner, hidden, Name("ffn_gate"), Name("ffn_up")),
                tensors.Matrix(hidden, inner, Name("ffn_down")));
        }
    }
}
