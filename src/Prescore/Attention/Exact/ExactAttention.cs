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

    private static readonly MethodOptions<Unset> Table = new("exact", "every key: the reference, always run", default);

    /// <inheritdoc/>
    public string Spec => Table.Method;

    /// <summary>Name and summary; there are no options.</summary>
    public static OptionTable Options => Table;

    /// <summary>Creates the method from a spec without options.</summary>
    public static ExactAttention FromSpec(MethodSpec spec)
    {
        Table.Read(spec);
        return new ExactAttention();
    }

    /// <inheritdoc/>
    public AttentionReport Compute(
        in AttentionInput input, in AttentionOutput output, AttentionOptions options, CancellationToken cancellationToken = default) =>
        AttentionCall.Run(input, output, options, cancellationToken, Compute);

    /// <inheritdoc/>
    public IKeyValueCache CreateCache(CacheShape shape, AttentionOptions options) =>
        new MethodCache(shape, options, new PackedMemory(shape, options), Compute);

    private static void Compute(AttentionCall call)
    {
        int heads = call.Shape.KeyValueHeads;
        if (call.Memory is PackedMemory memory && call.Shape.Queries * call.Shape.GroupSize <= QueryBlock.StripRows)
        {
            // Too few queries to share out.
            FewQueries.Attend(call, memory);
        }
        else
        {
            // Heads one after the other: the packed keys of one stay in the shared cache.
            for (int item = 0; item < call.Shape.Batch * heads; item++)
            {
                Compute(call, item / heads, item % heads);
            }
        }
        call.Work.AddInteractions(call.Shape.ExactInteractions(call.Causal));
    }

    private static void Compute(AttentionCall call, int batch, int head)
    {
        int threads = call.Options.Threads;
        if (call.Memory is PackedMemory memory)
        {
            memory.Tiles[head].Append(call.NewKeys(batch, head), call.NewValues(batch, head), threads, call.CancellationToken);
            Attend(call, batch, head, memory.Tiles[head], VisibleKeys.All(call), threads);
            return;
        }
        using KeyValueTiles tiles = KeyValueTiles.Create(call.Options.Simd);
        Attend(call, batch, head, tiles, VisibleKeys.Pack(call, batch, head, tiles, threads), threads);
    }

    private static void Attend(AttentionCall call, int batch, int head, KeyValueTiles tiles, VisibleKeys visible, int threads)
    {
        int positionsPerItem = PositionsPerItem(call.Shape, threads), items = (call.Shape.Queries + positionsPerItem - 1) / positionsPerItem;
        ParallelItems.Run(
            items,
            threads,
            () => call.CreateBlock(positionsPerItem * call.Shape.GroupSize),
            // The last positions see most keys: they go first, so that no thread ends with a long item alone.
            (block, item) => AttendItem(call, batch, head, tiles, visible, block, (items - 1 - item) * positionsPerItem, positionsPerItem),
            static block => block.Dispose(),
            call.CancellationToken);
    }

    /// <summary>Positions that attend together: as many as an item has room for, but of few queries each thread has some, as long as they fill half a strip.</summary>
    private static int PositionsPerItem(AttentionShape shape, int threads)
    {
        int most = Math.Max(1, ItemRows / shape.GroupSize), halves = shape.Queries * shape.GroupSize / (QueryBlock.StripRows / 2);
        int items = Math.Max((shape.Queries + most - 1) / most, Math.Min(threads, halves));
        return items <= 1 ? Math.Max(1, shape.Queries) : (shape.Queries + items - 1) / items;
    }

    private static void AttendItem(
        AttentionCall call, int batch, int head, KeyValueTiles tiles, VisibleKeys visible, QueryBlock block, int first, int positions)
    {
        int group = call.Shape.GroupSize;
        int end = Math.Min(call.Shape.Queries, first + positions);
        Span<int> limits = stackalloc int[(end - first) * group];
        AddQueries(call, batch, head, visible, block, first, limits);
        block.Attend(tiles, 0, KeyValueTiles.BlocksOf(limits[^1]), 0, block.Rows, limits);
        for (int row = 0; row < block.Rows; row++)
        {
            call.Finish(block, row, batch, head * group + row % group, first + row / group);
        }
    }

    /// <summary>Fills a block with queries from <paramref name="first"/> on, of each all heads of the group, and counts the keys that every row sees.</summary>
    internal static void AddQueries(AttentionCall call, int batch, int head, VisibleKeys visible, QueryBlock block, int first, Span<int> limits)
    {
        int group = call.Shape.GroupSize;
        block.Clear();
        for (int i = 0; i < limits.Length; i++)
        {
            int query = first + i / group;
            limits[block.Add(call.Queries(batch, head * group + i % group).Row(query), call.Scale)] = visible.CountFor(query);
        }
    }

    /// <summary>The settings of a method that has none.</summary>
    private readonly record struct Unset;
}
