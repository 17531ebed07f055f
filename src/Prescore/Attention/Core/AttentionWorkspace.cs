using Prescore.Scheduling;
using Prescore.Storage;

namespace Prescore.Attention.Core;

/// <summary>
/// What a thread needs to let some queries attend gathered keys: the queries of one key/value head, row by row, and
/// the list of keys. The rows are neighbouring positions, and of each position all query heads of the group.
/// </summary>
internal sealed class AttentionWorkspace : IDisposable
{
    private readonly AttentionCall _call;
    private readonly QueryBlock _block;
    private readonly int[] _limits;
    private readonly KeyGather _own;
    private readonly GatherStore? _kept;
    private int _list;
    private int _batch;
    private int _head;
    private int _firstPosition;

    /// <summary>Creates a workspace for up to <paramref name="positions"/> positions at a time.</summary>
    public AttentionWorkspace(AttentionCall call, int positions)
    {
        _call = call;
        int rows = Math.Min(positions, call.Shape.Queries) * call.Shape.GroupSize;
        _block = call.CreateBlock(rows);
        _limits = new int[rows];
        _kept = call.Memory?.GathersFor(call.Shape.Queries);
        Keys = _own = new KeyGather(call.Options.Simd);
    }

    /// <summary>The keys that the next Attend takes; emptied when queries are taken.</summary>
    public KeyGather Keys { get; private set; }

    /// <summary>Runs a body for the queries of every block of positions of every key/value head, and finishes them.</summary>
    /// <param name="call">The call.</param>
    /// <param name="positions">Positions of a block.</param>
    /// <param name="attend">Called with the queries taken, the sequence, the key/value head and the block.</param>
    public static void ForEachBlock(AttentionCall call, int positions, Action<AttentionWorkspace, int, int, PositionBlock> attend) =>
        ForEachBlock(call, positions, static () => NoResource.Instance, (workspace, _, batch, head, block) => attend(workspace, batch, head, block));

    /// <summary>The same with something else that each thread needs.</summary>
    public static void ForEachBlock<T>(
        AttentionCall call, int positions, Func<T> rent, Action<AttentionWorkspace, T, int, int, PositionBlock> attend)
        where T : IDisposable
    {
        PositionBlocks blocks = PositionBlocks.Of(call, positions);
        ParallelItems.Run(
            call.Shape.Batch * call.Shape.KeyValueHeads * blocks.Count,
            call.Options.Threads,
            () => (Workspace: new AttentionWorkspace(call, positions), Other: rent()),
            (thread, item) =>
            {
                (int batchHead, int index) = Math.DivRem(item, blocks.Count);
                (int batch, int head) = Math.DivRem(batchHead, call.Shape.KeyValueHeads);
                PositionBlock block = blocks[index];
                thread.Workspace.Begin(batch, head, block.FirstQuery, block.EndQuery);
                attend(thread.Workspace, thread.Other, batch, head, block);
                thread.Workspace.Finish();
            },
            static thread =>
            {
                thread.Workspace.Dispose();
                thread.Other.Dispose();
            },
            call.CancellationToken);
    }

    /// <summary>Takes the queries at positions [first, end) of all query heads of a key/value head, with empty state.</summary>
    public void Begin(int batch, int head, int first, int end) => Begin(batch, head, first, end, default);

    /// <summary>The same, going on from states: that of query head h and query i at [(batch · heads + h) · n_q + i].</summary>
    public void Begin(int batch, int head, int first, int end, ReadOnlySpan<SoftmaxState> states)
    {
        (_batch, _head, _firstPosition, _list) = (batch, head, first, 0);
        BeginList();
        _block.Clear();
        for (int row = 0; row < (end - first) * _call.Shape.GroupSize; row++)
        {
            (int queryHead, int query) = QueryOf(row);
            ReadOnlySpan<float> values = _call.Queries(batch, queryHead).Row(query);
            SoftmaxState state = states.IsEmpty ? default : states[(batch * _call.Shape.QueryHeads + queryHead) * _call.Shape.Queries + query];
            _block.Resume(values, _call.Scale, state, _call.Output(batch, queryHead).Row(query));
        }
    }

    /// <summary>Starts an empty list of keys of the same head.</summary>
    public void BeginList()
    {
        Keys = _kept?.Get(_head, _list++) ?? _own;
        Keys.Begin(_call, _batch, _head);
    }

    /// <summary>
    /// The query at position t attends the listed keys at positions ≤ t + <paramref name="ahead"/>, and in any case the
    /// first <paramref name="always"/> of the list. The list is ascending.
    /// </summary>
    public void AttendUpTo(int ahead, int always = 0)
    {
        ReadOnlySpan<int> keys = Keys.Keys;
        int limit = always;
        for (int row = 0; row < _block.Rows; row++)
        {
            while (limit < keys.Length && keys[limit] <= (long)PositionOf(row) + ahead)
            {
                limit++;
            }
            _limits[row] = limit;
        }
        Attend();
    }

    /// <summary>The query at position t attends the listed keys at positions ≥ t − <paramref name="behind"/>. The list is descending.</summary>
    public void AttendFrom(int behind)
    {
        ReadOnlySpan<int> keys = Keys.Keys;
        int limit = keys.Length;
        for (int row = 0; row < _block.Rows; row++)
        {
            while (limit > 0 && keys[limit - 1] < (long)PositionOf(row) - behind)
            {
                limit--;
            }
            _limits[row] = limit;
        }
        Attend();
    }

    /// <summary>All queries attend all listed keys.</summary>
    public void AttendAll()
    {
        _limits.AsSpan(0, _block.Rows).Fill(Keys.Count);
        Attend();
    }

    /// <summary>All queries attend all keys of some tiles.</summary>
    public void AttendAll(KeyValueTiles tiles)
    {
        _block.Attend(tiles, 0, _block.Rows);
        _call.Work.AddInteractions((long)tiles.Count * _block.Rows);
    }

    /// <summary>Writes the outputs and log-sum-exps of all queries.</summary>
    public void Finish()
    {
        for (int row = 0; row < _block.Rows; row++)
        {
            (int queryHead, int query) = QueryOf(row);
            _call.Finish(_block, row, _batch, queryHead, query);
        }
    }

    public void Dispose()
    {
        _block.Dispose();
        _own.Dispose();
    }

    private void Attend()
    {
        ReadOnlySpan<int> limits = _limits.AsSpan(0, _block.Rows);
        int furthest = 0;
        long interactions = 0;
        foreach (int limit in limits)
        {
            furthest = Math.Max(furthest, limit);
            interactions += limit;
        }
        _block.Attend(Keys.Pack(), 0, KeyValueTiles.BlocksOf(furthest), 0, _block.Rows, limits);
        _call.Work.AddInteractions(interactions);
    }

    private int PositionOf(int row) => _firstPosition + row / _call.Shape.GroupSize;

    private (int QueryHead, int Query) QueryOf(int row)
    {
        int group = _call.Shape.GroupSize;
        return (_head * group + row % group, PositionOf(row) - _call.Shape.FirstQueryPosition);
    }

    private sealed class NoResource : IDisposable
    {
        public static NoResource Instance { get; } = new();

        public void Dispose()
        {
        }
    }
}
