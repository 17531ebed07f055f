using System.Buffers;
using System.Diagnostics;
using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Scheduling;

namespace Prescore.Attention.Hyper;

/// <summary>
/// Runs HyperAttention for one call on the keys that a selection leaves of each segment: over all keys, or causally on
/// the dyadic tree, where a query's softmax goes on from node to node and ends in its leaf.
/// </summary>
internal sealed class HyperRun : IDisposable
{
    /// <summary>Queries of one work item: enough to make up for packing its keys.</summary>
    private const int ItemRows = 384;

    /// <summary>Positions of one work item in the leaves.</summary>
    private const int LeafPositions = 128;

    private readonly AttentionCall _call;
    private readonly AttentionShape _shape;
    private readonly HyperSettings _settings;
    private readonly ISegmentSelection _selection;
    private readonly HyperMemory? _memory;
    private readonly HashCodes? _codes;
    private readonly DyadicTree _tree;
    private readonly DyadicNode[] _segments;

    private HyperRun(AttentionCall call, HyperSettings settings, ISegmentSelection selection)
    {
        (_call, _shape, _settings, _selection, _memory) = (call, call.Shape, settings, selection, call.Memory as HyperMemory);
        _tree = new DyadicTree(settings.MinSequence);
        _segments = call.Causal ? [.. _tree.Nodes(_shape.FirstQueryPosition, _shape.Keys)] : [];
        bool hashed = call.Causal
            ? Array.Exists(_segments, segment => NeedsCodes(segment.FirstKey, segment.EndKey))
            : NeedsCodes(0, _shape.Keys);
        if (hashed)
        {
            _codes = _memory?.Codes ?? new HashCodes(call.Options, _shape.Batch, _shape.QueryHeads, _shape.KeyValueHeads, _shape.HeadDimension);
            _codes.Hash(call);
        }
    }

    /// <summary>Interactions of a run, without running it.</summary>
    public static long CountInteractions(AttentionShape shape, bool causal, HyperSettings settings, ISegmentSelection selection)
    {
        long Terms(int firstKey, int keys)
        {
            SegmentCount count = selection.Count(firstKey, keys, causal);
            return count.Always + settings.Terms(count.Hashed);
        }

        if (!causal)
        {
            return (long)shape.Batch * shape.QueryHeads * shape.Queries * Terms(0, shape.Keys);
        }
        var tree = new DyadicTree(settings.MinSequence);
        long sum = 0;
        for (int t = shape.FirstQueryPosition; t < shape.Keys; t++)
        {
            sum += t - tree.LeafStart(t) + 1 + tree.SumOverNodes(t, Terms);
        }
        return sum * shape.Batch * shape.QueryHeads;
    }

    /// <summary>Computes a call.</summary>
    public static void Run(AttentionCall call, HyperSettings settings, ISegmentSelection selection)
    {
        using var run = new HyperRun(call, settings, selection);
        if (!call.Causal)
        {
            HyperNode[] nodes = run.CreateNodes(1, (batch, head, _) =>
                run.CreateNode(QueryPairing.Paper, batch, head, run.Sort(batch, head, 0, call.Shape.Keys), 0, call.Shape.Queries));
            run.Attend(nodes, states: null);
            return;
        }
        int rows = call.Shape.Batch * call.Shape.QueryHeads * call.Shape.Queries;
        SoftmaxState[] states = ArrayPool<SoftmaxState>.Shared.Rent(rows);
        try
        {
            states.AsSpan(0, rows).Clear();
            run.AttendTree(states);
            run.AttendLeaves(states);
            run._memory?.KeepFor(call.Shape.Keys);
        }
        finally
        {
            ArrayPool<SoftmaxState>.Shared.Return(states);
        }
    }

    public void Dispose()
    {
        if (_memory is null)
        {
            _codes?.Dispose();
        }
    }

    private bool NeedsCodes(int firstKey, int endKey)
    {
        int hashed = _selection.Count(firstKey, endKey - firstKey, _call.Causal).Hashed;
        return _settings.Terms(hashed) < hashed;
    }

    private void AttendTree(SoftmaxState[] states)
    {
        // A query has at most one node a level: within a level no two items share a query, and the order of the levels
        // fixes the order in which a query meets its nodes.
        foreach (IGrouping<int, DyadicNode> level in _segments.GroupBy(segment => segment.Level))
        {
            DyadicNode[] segments = [.. level];
            HyperNode[] nodes = CreateNodes(segments.Length, (batch, head, index) =>
            {
                DyadicNode segment = segments[index];
                int firstQuery = Math.Max(0, segment.EndKey - _shape.FirstQueryPosition);
                int endQuery = (int)Math.Min(_shape.Queries, segment.EndQuery - _shape.FirstQueryPosition);
                SortedSegment keys = _memory is null
                    ? Sort(batch, head, segment.FirstKey, segment.EndKey)
                    : _memory.Segment(head, segment, () => Sort(batch, head, segment.FirstKey, segment.EndKey));
                return CreateNode(_settings.Pairing, batch, head, keys, firstQuery, endQuery);
            });
            Attend(nodes, states);
        }
    }

    /// <summary>Chooses and sorts the keys of a segment.</summary>
    private SortedSegment Sort(int batch, int head, int firstKey, int endKey)
    {
        long start = Stopwatch.GetTimestamp();
        SegmentKeys keys = _selection.Select(_call, batch, head, firstKey, endKey);
        var segment = new SortedSegment(_settings, _call.Options, head, _codes?.Keys(batch, head), keys);
        _call.Work.AddIndexTime(start);
        return segment;
    }

    private HyperNode CreateNode(QueryPairing pairing, int batch, int head, SortedSegment keys, int firstQuery, int endQuery)
    {
        long start = Stopwatch.GetTimestamp();
        HyperNode node = HyperNode.Create(_call, pairing, _codes, batch, head, keys, firstQuery, endQuery);
        _call.Work.AddIndexTime(start);
        return node;
    }

    /// <summary>Creates the nodes of all heads of all sequences.</summary>
    private HyperNode[] CreateNodes(int segments, Func<int, int, int, HyperNode> create)
    {
        var nodes = new HyperNode[_shape.Batch * _shape.KeyValueHeads * segments];
        ParallelItems.Run(
            nodes.Length,
            _call.Options.Threads,
            item =>
            {
                (int batchHead, int segment) = Math.DivRem(item, segments);
                (int batch, int head) = Math.DivRem(batchHead, _shape.KeyValueHeads);
                nodes[item] = create(batch, head, segment);
            },
            _call.CancellationToken);
        return nodes;
    }

    /// <summary>Lets all queries of the nodes attend; they go on from <paramref name="states"/>, or are finished where it is null.</summary>
    private void Attend(HyperNode[] nodes, SoftmaxState[]? states)
    {
        var items = new List<(HyperNode Node, int Block, int First, int Count)>();
        foreach (HyperNode node in nodes)
        {
            for (int block = 0; block < node.Blocks; block++)
            {
                int rows = node.RowsOf(block).Length;
                for (int first = 0; first < rows; first += ItemRows)
                {
                    items.Add((node, block, first, Math.Min(ItemRows, rows - first)));
                }
            }
        }
        if (items.Count == 0)
        {
            return;
        }
        ParallelItems.Run(
            items.Count,
            _call.Options.Threads,
            () => (Queries: _call.CreateBlock(items.Max(item => item.Count)), Keys: new KeyGather(_call.Options.Simd)),
            (workspace, item) =>
            {
                (HyperNode node, int block, int first, int count) = items[item];
                workspace.Keys.Begin(_call, node.Batch, node.Head);
                node.Keys.Gather(block, workspace.Keys);
                AttendRows(node, node.RowsOf(block).Slice(first, count), workspace.Queries, workspace.Keys, states);
            },
            static workspace =>
            {
                workspace.Queries.Dispose();
                workspace.Keys.Dispose();
            },
            _call.CancellationToken);
    }

    private void AttendRows(HyperNode node, ReadOnlySpan<int> rows, QueryBlock queries, KeyGather keys, SoftmaxState[]? states)
    {
        queries.Clear();
        foreach (int row in rows)
        {
            (int head, int query) = node.QueryOf(row);
            SoftmaxState state = states is null ? default : states[StateIndex(node.Batch, head, query)];
            queries.Resume(_call.Queries(node.Batch, head).Row(query), _call.Scale, state, _call.Output(node.Batch, head).Row(query));
        }
        queries.Attend(keys.Pack(), 0, rows.Length);
        for (int i = 0; i < rows.Length; i++)
        {
            (int head, int query) = node.QueryOf(rows[i]);
            if (states is null)
            {
                _call.Finish(queries, i, node.Batch, head, query);
            }
            else
            {
                states[StateIndex(node.Batch, head, query)] = queries.Suspend(i, _call.Output(node.Batch, head).Row(query));
            }
        }
        _call.Work.AddInteractions((long)rows.Length * keys.Count);
    }

    private void AttendLeaves(SoftmaxState[] states)
    {
        int size = Math.Min(LeafPositions, _tree.LeafLength);
        PositionBlocks blocks = PositionBlocks.Of(_call, size);
        ParallelItems.Run(
            _shape.Batch * _shape.KeyValueHeads * blocks.Count,
            _call.Options.Threads,
            () => new AttentionWorkspace(_call, size),
            (workspace, item) =>
            {
                (int batchHead, int index) = Math.DivRem(item, blocks.Count);
                (int batch, int head) = Math.DivRem(batchHead, _shape.KeyValueHeads);
                PositionBlock block = blocks[index];
                workspace.Begin(batch, head, block.FirstQuery, block.EndQuery, states);
                workspace.Keys.AddRange(_tree.LeafStart(block.FirstQuery), block.EndQuery);
                workspace.AttendUpTo(ahead: 0);
                workspace.Finish();
            },
            static workspace => workspace.Dispose(),
            _call.CancellationToken);
    }

    private int StateIndex(int batch, int head, int query) => (batch * _shape.QueryHeads + head) * _shape.Queries + query;
}
