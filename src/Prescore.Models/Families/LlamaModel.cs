using System.Numerics.Tensors;
using System.Runtime.ExceptionServices;
using Prescore.Kernels;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Inference;
using Prescore.Models.Layers;

namespace Prescore.Models.Families;

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
        ModelConfiguration configuration = LlamaConfiguration.Read(file);
        if (configuration.RopeScaling is not null && options.Rope is not null)
        {
            throw new ModelFormatException(
                file.Path, $"the model scales its positions by {configuration.RopeScaling.Factor} already", "do not scale them further");
        }
        var tensors = new ModelTensors(file, options.Simd);
        int hidden = configuration.HiddenSize, vocabulary = configuration.VocabularySize;
        float[] embedding = tensors.Vector("token_embd.weight", (long)vocabulary * hidden);
        float[] divisors = file.HasTensor("rope_freqs.weight") ? tensors.Vector("rope_freqs.weight", configuration.RopeDimensions / 2) : [];
        float[] finalNorm = tensors.Vector("output_norm.weight", hidden);
        if (divisors.AsSpan().ContainsAnyExceptInRange(float.Epsilon, float.MaxValue))
        {
            throw new ModelFormatException(file.Path, "tensor 'rope_freqs.weight' holds a divisor that is not positive", "convert the model anew");
        }
        PackedMatrix head = file.HasTensor("output.weight")
            ? tensors.Matrix(vocabulary, hidden, "output.weight")
            : PackedMatrix.Pack(embedding, vocabulary, hidden, options.Simd);
        var layers = new Layer[configuration.Layers];
        try
        {
            Parallel.For(
                0,
                configuration.Layers,
                new ParallelOptions { MaxDegreeOfParallelism = options.Threads, CancellationToken = cancellationToken },
                layer => layers[layer] = Layer.Load(tensors, configuration, layer));
        }
        catch (AggregateException errors)
        {
            // All layers may lack the same thing: one of them tells enough.
            ExceptionDispatchInfo.Throw(errors.InnerExceptions[0]);
        }
        tensors.RefuseUnread();
        return new LlamaModel(configuration, options, RotaryEmbedding.Create(configuration, divisors, options.Rope ?? configuration.RopeScaling), embedding, finalNorm, head, layers);
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
        int layer, ReadOnlyMemory<float> hidden, int rows, int position, Memory<float> queries, Memory<float> keys, Memory<float> values, LayerWorkspace workspace)
    {
        Layer weights = _layers[layer];
        int size = Configuration.HiddenSize;
        ParallelRows.Run(rows, Options.Threads, row => Normalise(hidden.Span.Slice(row * size, size), weights.AttentionNorm, row, workspace));
        weights.QueriesKeysValues.Multiply(workspace.Normalised, size, rows, workspace.QueriesKeysValues, weights.QueriesKeysValues.Rows, Options.Threads);
        ParallelRows.Run(rows, Options.Threads, row => RotateAndSplit(row, position + row, queries.Span, keys.Span, values.Span, workspace));
    }

    internal override void FinishLayer(int layer, ReadOnlyMemory<float> attended, Memory<float> hidden, int rows, LayerWorkspace workspace)
    {
        Layer weights = _layers[layer];
        int size = Configuration.HiddenSize, inner = Configuration.FeedForwardSize;
        weights.AttentionOutput.Multiply(attended.Span, weights.AttentionOutput.Depth, rows, workspace.Projected, size, Options.Threads);
        ParallelRows.Run(rows, Options.Threads, row =>
        {
            Span<float> stream = hidden.Span.Slice(row * size, size);
            TensorPrimitives.Add(stream, workspace.Projected.AsSpan(row * size, size), stream);
            Normalise(stream, weights.FeedForwardNorm, row, workspace);
        });
        weights.GateAndUp.Multiply(workspace.Normalised, size, rows, workspace.GateAndUp, 2 * inner, Options.Threads);
        ParallelRows.Run(rows, Options.Threads, row =>
            SwiGlu.Apply(workspace.GateAndUp.AsSpan(row * 2 * inner, inner), workspace.GateAndUp.AsSpan((row * 2 + 1) * inner, inner)));
        weights.Down.Multiply(workspace.GateAndUp, 2 * inner, rows, workspace.Projected, size, Options.Threads);
        ParallelRows.Run(rows, Options.Threads, row =>
        {
            Span<float> stream = hidden.Span.Slice(row * size, size);
            TensorPrimitives.Add(stream, workspace.Projected.AsSpan(row * size, size), stream);
        });
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

    private void Normalise(ReadOnlySpan<float> hidden, float[] weight, int row, LayerWorkspace workspace) =>
        RmsNorm.Apply(hidden, weight, Configuration.NormEpsilon, workspace.Normalised.AsSpan(row * hidden.Length, hidden.Length));

    /// <summary>Turns one row's queries and keys and copies them and its values to where attention reads them.</summary>
    private void RotateAndSplit(int row, int position, Span<float> queries, Span<float> keys, Span<float> values, LayerWorkspace workspace)
    {
        int d = Configuration.HeadDimension;
        int queryWidth = Configuration.QueryHeads * d, keyWidth = Configuration.KeyValueHeads * d;
        Span<float> projected = workspace.QueriesKeysValues.AsSpan(row * (queryWidth + 2 * keyWidth), queryWidth + 2 * keyWidth);
        Span<float> cosines = workspace.Cosines.AsSpan(row * Configuration.RopeDimensions, Configuration.RopeDimensions);
        Span<float> sines = workspace.Sines.AsSpan(row * Configuration.RopeDimensions, Configuration.RopeDimensions);
        _rotary.Angles(position, cosines, sines);
        for (int head = 0; head < Configuration.QueryHeads + Configuration.KeyValueHeads; head++)
        {
            RotaryEmbedding.Rotate(projected.Slice(head * d, d), cosines, sines);
        }
        projected[..queryWidth].CopyTo(queries[(row * queryWidth)..]);
        projected.Slice(queryWidth, keyWidth).CopyTo(keys[(row * keyWidth)..]);
        projected[(queryWidth + keyWidth)..].CopyTo(values[(row * keyWidth)..]);
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
                tensors.Matrix(queries + 2L * keys, hidden, Name("attn_q"), Name("attn_k"), Name("attn_v")),
                tensors.Matrix(hidden, queries, Name("attn_output")),
                tensors.Vector(Name("ffn_norm"), hidden),
                tensors.Matrix(2L * inner, hidden, Name("ffn_gate"), Name("ffn_up")),
                tensors.Matrix(hidden, inner, Name("ffn_down")));
        }
    }
}
