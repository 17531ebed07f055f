using System.Collections.Concurrent;
using Prescore.Attention.Contracts;
using Prescore.Models.Families;
using Prescore.Models.Images;
using Prescore.Models.Layers;

namespace Prescore.Models.Inference;

/// <summary>
/// Runs images through a vision transformer, one after the other, with one attention method in all layers. Linear layers go
/// by chunks of rows, each with all that lies between two attentions, so that a chunk's activations stay in the cache. Not
/// safe for concurrent use; see <see cref="VisionBatch"/> for many images at once.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="attention">The method of every layer.</param>
/// <param name="options">Threads, SIMD path, seed; the layer is set here.</param>
public sealed class VisionSession(VisionModel model, IAttention attention, AttentionOptions options)
{
    /// <summary>Rows of a chunk: with a layer's panels they fit the second-level cache.</summary>
    private const int ChunkRows = 192;

    private readonly ConcurrentBag<BlockWorkspace> _workspaces = [];
    private float[] _queries = [];
    private float[] _keys = [];
    private float[] _values = [];
    private float[] _attended = [];

    /// <summary>Called with the input of the first layer (0) and the output of every layer i + 1, dense [tokens, hidden], before the final norm.</summary>
    public VisionResidualObserver? OnResidual { get; init; }

    /// <summary>Called with every layer's queries, keys and values, dense [tokens, heads, d], before they are attended.</summary>
    public VisionProjectionObserver? OnProjection { get; init; }

    /// <summary>Work of the attention in all images so far.</summary>
    public AttentionReport Report { get; private set; }

    /// <summary>Runs one image.</summary>
    /// <param name="image">The input; any size of at least a patch.</param>
    /// <param name="cancellationToken">Stops the work between layers and tiles.</param>
    /// <exception cref="ArgumentException">The image is smaller than a patch or has other channels than the model.</exception>
    public VisionFeatures Run(PixelValues image, CancellationToken cancellationToken = default)
    {
        if (image.Channels != model.Embedding.Channels)
        {
            throw new ArgumentException($"an image of {image.Channels} channels for a model of {model.Embedding.Channels}", nameof(image));
        }
        int size = model.Configuration.HiddenSize, tokens = model.Embedding.Tokens(image.Height, image.Width);
        Reserve(tokens * size);
        var hidden = new float[checked(tokens * size)];
        model.Embedding.Apply(image.Values, image.Height, image.Width, hidden, options.Threads);
        OnResidual?.Invoke(0, hidden);
        ForEachChunk(tokens, (first, rows, workspace) => Project(model.Blocks[0], hidden, first, rows, workspace), cancellationToken);
        for (int layer = 0; layer < model.Blocks.Count; layer++)
        {
            OnProjection?.Invoke(layer, tokens, _queries.AsSpan(0, tokens * size), _keys.AsSpan(0, tokens * size), _values.AsSpan(0, tokens * size));
            Attend(layer, tokens, cancellationToken);
            TransformerBlock block = model.Blocks[layer];
            TransformerBlock? next = layer + 1 < model.Blocks.Count ? model.Blocks[layer + 1] : null;
            ForEachChunk(tokens, (first, rows, workspace) =>
            {
                block.Finish(_attended.AsMemory(first * size), hidden.AsMemory(first * size), rows, workspace, threads: 1);
                if (next is not null)
                {
                    Project(next, hidden, first, rows, workspace);
                }
            }, cancellationToken);
            OnResidual?.Invoke(layer + 1, hidden);
        }
        for (int token = 0; token < tokens; token++)
        {
            Span<float> row = hidden.AsSpan(token * size, size);
            model.FinalNorm(row, row);
        }
        return new VisionFeatures(hidden, size);
    }

    private void Project(TransformerBlock block, float[] hidden, int first, int rows, BlockWorkspace workspace)
    {
        int offset = first * model.Configuration.HiddenSize;
        block.Project(
            hidden.AsMemory(offset), rows, first, _queries.AsMemory(offset), _keys.AsMemory(offset), _values.AsMemory(offset), workspace, threads: 1);
    }

    private void Attend(int layer, int tokens, CancellationToken cancellationToken)
    {
        CacheShape shape = model.Blocks[layer].Shape;
        HeadLayout rowsFirst = HeadLayout.RowsFirst(shape.QueryHeads, tokens, shape.HeadDimension);
        var input = new AttentionInput
        {
            Shape = new AttentionShape
            {
                QueryHeads = shape.QueryHeads,
                KeyValueHeads = shape.KeyValueHeads,
                Queries = tokens,
                Keys = tokens,
                HeadDimension = shape.HeadDimension,
            },
            Queries = _queries,
            QueryLayout = rowsFirst,
            Keys = _keys,
            KeyLayout = rowsFirst,
            Values = _values,
            ValueLayout = rowsFirst,
            Scale = shape.Scale,
        };
        var output = new AttentionOutput { Output = _attended, Layout = rowsFirst };
        Report += attention.Compute(input, output, options with { Layer = layer }, cancellationToken);
    }

    private void ForEachChunk(int tokens, Action<int, int, BlockWorkspace> body, CancellationToken cancellationToken)
    {
        int chunks = (tokens + ChunkRows - 1) / ChunkRows;
        // One token more than whole chunks would be a chunk of its own.
        int chunkRows = (tokens + chunks - 1) / chunks;
        Parallel.For(
            0,
            chunks,
            new ParallelOptions { MaxDegreeOfParallelism = options.Threads, CancellationToken = cancellationToken },
            chunk =>
            {
                if (!_workspaces.TryTake(out BlockWorkspace? workspace))
                {
                    workspace = new BlockWorkspace(model.Blocks[0].Widths);
                    workspace.Reserve(ChunkRows);
                }
                int first = chunk * chunkRows;
                body(first, Math.Min(chunkRows, tokens - first), workspace);
                _workspaces.Add(workspace);
            });
    }

    private void Reserve(int floats)
    {
        if (_queries.Length < floats)
        {
            (_queries, _keys, _values, _attended) = (new float[floats], new float[floats], new float[floats], new float[floats]);
        }
    }
}

/// <summary>Sees the residual stream.</summary>
/// <param name="index">0 for the input of the first layer, i + 1 for the output of layer i.</param>
/// <param name="hidden">Dense [tokens, hidden].</param>
public delegate void VisionResidualObserver(int index, ReadOnlySpan<float> hidden);

/// <summary>Sees a layer's queries, keys and values.</summary>
/// <param name="layer">Layer, from 0.</param>
/// <param name="tokens">Number of tokens, CLS the first.</param>
/// <param name="queries">Dense [tokens, heads, d].</param>
/// <param name="keys">Dense [tokens, heads, d].</param>
/// <param name="values">Dense [tokens, heads, d].</param>
public delegate void VisionProjectionObserver(
    int layer, int tokens, ReadOnlySpan<float> queries, ReadOnlySpan<float> keys, ReadOnlySpan<float> values);
