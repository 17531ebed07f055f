using System.Numerics.Tensors;
using Prescore.Attention.Contracts;

namespace Prescore.Models.Layers;

/// <summary>
/// One pre-norm transformer layer around an attention that its caller computes: x += out(attention(project(norm(x)))),
/// x += feedForward(norm(x)), each branch with an operation on its output where the model has one. Decoders and vision
/// transformers are lists of these. Owns its linear layers; immutable and safe to share between threads.
/// </summary>
public sealed class TransformerBlock : IDisposable
{
    /// <summary>Heads, head sizes and scale of the attention.</summary>
    public required CacheShape Shape { get; init; }

    /// <summary>Keys that a query sees, its own the last; null: all before it.</summary>
    public int? Window { get; init; }

    /// <summary>Norm before attention.</summary>
    public required RowOperation AttentionNorm { get; init; }

    /// <summary>Queries, keys and values of all heads, side by side.</summary>
    public required Linear QueriesKeysValues { get; init; }

    /// <summary>Norm of every query head before rotation; null: none.</summary>
    public RowOperation? QueryNorm { get; init; }

    /// <summary>Norm of every key head before rotation; null: none.</summary>
    public RowOperation? KeyNorm { get; init; }

    /// <summary>Rotary embedding of queries and keys; null: none.</summary>
    public RotaryEmbedding? Rotary { get; init; }

    /// <summary>Attention's outputs back to the residual stream.</summary>
    public required Linear AttentionOutput { get; init; }

    /// <summary>What is done to attention's branch before it is added; null: nothing.</summary>
    public RowOperation? AfterAttention { get; init; }

    /// <summary>Norm before the feed-forward layer.</summary>
    public required RowOperation FeedForwardNorm { get; init; }

    /// <summary>The feed-forward layer.</summary>
    public required FeedForward FeedForward { get; init; }

    /// <summary>What is done to the feed-forward branch before it is added; null: nothing.</summary>
    public RowOperation? AfterFeedForward { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public int HiddenSize => AttentionNorm.Length;

    /// <summary>Bytes of the matrices.</summary>
    public long Bytes => QueriesKeysValues.Bytes + AttentionOutput.Bytes + FeedForward.Bytes;

    /// <summary>What a row needs in a workspace.</summary>
    public BlockWidths Widths => new(HiddenSize, QueriesKeysValues.Outputs, FeedForward.InnerWidth, Rotary?.Dimensions ?? 0);

    /// <summary>Queries, keys and values of some rows of the residual stream at consecutive positions, normed and rotated.</summary>
    /// <param name="hidden">Residual stream, dense [rows, hidden].</param>
    /// <param name="rows">Number of rows, at most what <paramref name="workspace"/> has room for.</param>
    /// <param name="position">Absolute position of the first row.</param>
    /// <param name="queries">Receives [rows, query heads, d].</param>
    /// <param name="keys">Receives [rows, key/value heads, d].</param>
    /// <param name="values">Receives [rows, key/value heads, d_v].</param>
    /// <param name="workspace">Buffers of the caller.</param>
    /// <param name="threads">Number of threads, at least 1.</param>
    public void Project(
        ReadOnlyMemory<float> hidden, int rows, int position, Memory<float> queries, Memory<float> keys, Memory<float> values, BlockWorkspace workspace, int threads)
    {
        Normalise(AttentionNorm, hidden, rows, workspace, threads);
        QueriesKeysValues.Apply(workspace.Normalised.Span, HiddenSize, rows, workspace.QueriesKeysValues.Span, threads);
        RotaryAngles.Chunk? angles = Rotary is null ? null : workspace.Angles.Of(Rotary, position, rows, threads);
        ParallelRows.Run(rows, threads, row => SplitHeads(row, queries.Span, keys.Span, values.Span, workspace, angles));
    }

    /// <summary>Adds attention's projected output and the feed-forward layer to some rows of the residual stream.</summary>
    /// <param name="attended">Attention outputs, dense [rows, query heads, d_v].</param>
    /// <param name="hidden">Residual stream [rows, hidden], updated in place.</param>
    /// <param name="rows">Number of rows, at most what <paramref name="workspace"/> has room for.</param>
    /// <param name="workspace">Buffers of the caller.</param>
    /// <param name="threads">Number of threads, at least 1.</param>
    public void Finish(ReadOnlyMemory<float> attended, Memory<float> hidden, int rows, BlockWorkspace workspace, int threads)
    {
        AttentionOutput.Apply(attended.Span, AttentionOutput.Inputs, rows, workspace.Projected.Span, threads);
        AddBranch(AfterAttention, hidden, rows, workspace, threads);
        Normalise(FeedForwardNorm, hidden, rows, workspace, threads);
        FeedForward.Apply(workspace.Normalised.Span, rows, workspace.Inner, workspace.Projected.Span, threads);
        AddBranch(AfterFeedForward, hidden, rows, workspace, threads);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        QueriesKeysValues.Dispose();
        AttentionOutput.Dispose();
        FeedForward.Dispose();
    }

    private void Normalise(RowOperation norm, ReadOnlyMemory<float> hidden, int rows, BlockWorkspace workspace, int threads)
    {
        int size = HiddenSize;
        ParallelRows.Run(rows, threads, row => norm.Apply(hidden.Span.Slice(row * size, size), workspace.Normalised.Span.Slice(row * size, size)));
    }

    private void AddBranch(RowOperation? after, Memory<float> hidden, int rows, BlockWorkspace workspace, int threads)
    {
        int size = HiddenSize;
        ParallelRows.Run(rows, threads, row =>
        {
            Span<float> stream = hidden.Span.Slice(row * size, size), branch = workspace.Projected.Span.Slice(row * size, size);
            after?.Apply(branch, branch);
            TensorPrimitives.Add(stream, branch, stream);
        });
    }

    /// <summary>Norms and turns one row's queries and keys and copies them and its values to where attention reads them.</summary>
    private void SplitHeads(int row, Span<float> queries, Span<float> keys, Span<float> values, BlockWorkspace workspace, RotaryAngles.Chunk? angles)
    {
        int d = Shape.HeadDimension;
        int queryWidth = Shape.QueryHeads * d, keyWidth = Shape.KeyValueHeads * d, valueWidth = Shape.KeyValueHeads * Shape.ValueDimension;
        Span<float> projected = workspace.QueriesKeysValues.Span.Slice(row * QueriesKeysValues.Outputs, QueriesKeysValues.Outputs);
        NormHeads(QueryNorm, projected[..queryWidth]);
        NormHeads(KeyNorm, projected.Slice(queryWidth, keyWidth));
        if (Rotary is not null && angles is not null)
        {
            ReadOnlySpan<float> cosines = angles.Cosines(row), sines = angles.Sines(row);
            for (int head = 0; head < Shape.QueryHeads + Shape.KeyValueHeads; head++)
            {
                Rotary.Rotate(projected.Slice(head * d, d), cosines, sines);
            }
        }
        projected[..queryWidth].CopyTo(queries[(row * queryWidth)..]);
        projected.Slice(queryWidth, keyWidth).CopyTo(keys[(row * keyWidth)..]);
        projected.Slice(queryWidth + keyWidth, valueWidth).CopyTo(values[(row * valueWidth)..]);
    }

    private void NormHeads(RowOperation? norm, Span<float> heads)
    {
        for (int first = 0; norm is not null && first < heads.Length; first += norm.Length)
        {
            Span<float> head = heads.Slice(first, norm.Length);
            norm.Apply(head, head);
        }
    }
}
