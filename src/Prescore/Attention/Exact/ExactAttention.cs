using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Scheduling;
using Prescore.Specs;
using Prescore.Storage;

namespace Prescore.Attention.Exact;

/// <summary>
/// Exact softmax attention: tiled, with online softmax (Milakov and Gimelshein, arXiv 1805.02867; Dao et al., arXiv
/// 2205.14135). The reference for every other method.
/// </summary>
public sealed class ExactAttention : IAttention
{
    /// <summary>Query rows of one work item; a row is one (position, query head) pair of a key/value head.</summary>
    private const int ItemRows = 192;

    /// <inheritdoc/>
    public string Spec => "exact";

    /// <summary>Creates the method from a spec without options.</summary>
    public static ExactAttention FromSpec(MethodSpec spec)
    {
        spec.RefuseUnread();
        return new ExactAttention();
    }

    /// <inheritdoc/>
    public AttentionReport Compute(
        in AttentionInput input, in AttentionOutput output, AttentionOptions options, CancellationToken cancellationToken = default) =>
        AttentionCall.Run(input, output, options, cancellationToken, Compute);

    /// <inheritdoc/>
    public IKeyValueCache CreateCache(CacheShape shape, AttentionOptions options) => new ContiguousKeyValueCache(this, shape, options);

    private static void Compute(AttentionCall call)
    {
        for (int batch = 0; batch < call.Shape.Batch; batch++)
        {
            // Heads one after the other: the packed keys of one stay in the shared cache.
            for (int head = 0; head < call.Shape.KeyValueHeads; head++)
            {
                Compute(call, batch, head);
            }
        }
        call.Work.AddInteractions(call.Shape.ExactInteractions(call.Causal));
    }

    private static void Compute(AttentionCall call, int batch, int head)
    {
        using KeyValueTiles tiles = KeyValueTiles.Create(call.Options.Simd);
        VisibleKeys visible = VisibleKeys.Pack(call, batch, head, tiles);
        int positionsPerItem = Math.Max(1, ItemRows / call.Shape.GroupSize);
        int items = (call.Shape.Queries + positionsPerItem - 1) / positionsPerItem;
        ParallelItems.Run(
            items,
            call.Options.Threads,
            () => call.CreateBlock(positionsPerItem * call.Shape.GroupSize),
            // The last positions see most keys: they go first, so that no thread ends with a long item alone.
            (block, item) => AttendItem(call, batch, head, tiles, visible, block, (items - 1 - item) * positionsPerItem, positionsPerItem),
            static block => block.Dispose(),
            call.CancellationToken);
    }

    private static void AttendItem(
        AttentionCall call, int batch, int head, KeyValueTiles tiles, VisibleKeys visible, QueryBlock block, int first, int positions)
    {
        int group = call.Shape.GroupSize;
        int end = Math.Min(call.Shape.Queries, first + positions);
        block.Clear();
        Span<int> limits = stackalloc int[(end - first) * group];
        for (int query = first; query < end; query++)
        {
            for (int member = 0; member < group; member++)
            {
                int row = block.Add(call.Queries(batch, head * group + member).Row(query), call.Scale);
                limits[row] = visible.CountFor(query);
            }
        }
        block.Attend(tiles, 0, KeyValueTiles.BlocksOf(limits[^1]), 0, block.Rows, limits);
        for (int row = 0; row < block.Rows; row++)
        {
            call.Finish(block, row, batch, head * group + row % group, first + row / group);
        }
    }
}
