using System.Collections.Concurrent;
using System.Diagnostics;
using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Clustered attention's state of one layer of one sequence: what every key/value head has indexed, the near keys, and
/// the effort control. Tokens advance through it block by block; everything is a function of absolute positions.
/// </summary>
internal sealed class ClusteredLayer : IDisposable
{
    /// <summary>Positions of one work item.</summary>
    private const int ItemPositions = 128;

    private readonly ClusteredOptions _options;
    private readonly AttentionOptions _run;
    private readonly int _group;
    private readonly Head[] _heads;
    private readonly EffortControl _effort;
    private readonly ConcurrentBag<Workspace> _workspaces = [];
    private readonly int _dimension;
    private readonly int _valueDimension;
    private readonly float _scale;
    private int[] _chosen;
    private int _block = -1;

    public ClusteredLayer(ClusteredOptions options, CacheShape shape, AttentionOptions run)
    {
        _options = options;
        _run = run;
        _group = shape.QueryHeads / shape.KeyValueHeads;
        _dimension = shape.HeadDimension;
        _valueDimension = shape.ValueDimension;
        _scale = shape.Scale ?? 1 / MathF.Sqrt(shape.HeadDimension);
        _effort = new EffortControl(shape.QueryHeads, options);
        _chosen = new int[shape.QueryHeads];
        _heads = [.. Enumerable.Range(0, shape.KeyValueHeads).Select(head => new Head(options, run, shape, head))];
    }

    /// <summary>Number of tokens.</summary>
    public int Length { get; private set; }

    public long Bytes => _heads.Sum(head => head.Index.Bytes + head.Near.Bytes);

    public EffortControl Effort => _effort;

    /// <summary>p of every query head in the current block.</summary>
    public IReadOnlyList<int> Chosen => _chosen;

    private int BlockStart => _block * _options.BlockSize;

    /// <summary>First position of the near part of the current block, sinks aside.</summary>
    private int NearStart => Math.Max(_options.Sinks, BlockStart - _options.Near);

    /// <summary>
    /// Appends the tokens whose keys are rows [firstRow, firstRow + count) of the call, and attends for those that have
    /// a query: token at row r has query r − <paramref name="queryOffset"/>, if that is not negative.
    /// </summary>
    public void Append(AttentionCall call, int batch, int firstRow, int count, int queryOffset)
    {
        for (int done = 0; done < count;)
        {
            call.CancellationToken.ThrowIfCancellationRequested();
            if (Length % _options.BlockSize == 0 && Length / _options.BlockSize != _block)
            {
                BeginBlock(call);
            }
            int piece = Math.Min(count - done, BlockStart + _options.BlockSize - Length);
            for (int head = 0; head < _heads.Length; head++)
            {
                _heads[head].Append(call.Keys(batch, head), call.Values(batch, head), firstRow + done, piece);
            }
            AttendPiece(call, batch, firstRow + done - Length, piece, queryOffset);
            Length += piece;
            done += piece;
        }
    }

    /// <summary>Forgets all tokens from <paramref name="length"/> on; the state is as if they had never been appended.</summary>
    public void Rewind(int length)
    {
        _effort.Rewind(length);
        if (length < BlockStart)
        {
            Rebuild(length);
            return;
        }
        foreach (Head head in _heads)
        {
            head.Near.Truncate(NearCount(length));
        }
        Length = length;
    }

    public void Dispose()
    {
        foreach (Head head in _heads)
        {
            head.Dispose();
        }
        foreach (Workspace workspace in _workspaces)
        {
            workspace.Dispose();
        }
    }

    /// <summary>Replays the blocks before <paramref name="length"/> from the stored keys.</summary>
    private void Rebuild(int length)
    {
        int oldLength = Length;
        ParallelItems.Run(_heads.Length, _run.Threads, head => _heads[head].Rebuild(oldLength, length, NearStart, _options));
        _block = (length - 1) / _options.BlockSize;
        if (length == 0)
        {
            _block = -1;
        }
        else
        {
            _chosen = _effort.Choose(BlockStart);
        }
        Length = length;
    }

    private int NearCount(int length) => length <= _options.Sinks ? length : Math.Min(_options.Sinks, NearStart) + length - NearStart;

    /// <summary>The far part grows to [sinks, start − w), the near part shrinks to its beginning, and p is chosen anew.</summary>
    private void BeginBlock(AttentionCall call)
    {
        _block++;
        int far = NearStart - _options.Sinks;
        long before = _heads.Sum(head => head.Index.Products);
        ParallelItems.Run(
            _heads.Length,
            _run.Threads,
            head =>
            {
                long start = Stopwatch.GetTimestamp();
                _heads[head].MoveToIndex(far - _heads[head].Index.Count);
                call.Work.AddIndexTime(start);
            },
            call.CancellationToken);
        call.Work.AddIndexProducts(_heads.Sum(head => head.Index.Products) - before);
        _chosen = _effort.Choose(BlockStart);
    }

    private void AttendPiece(AttentionCall call, int batch, int rowOffset, int count, int queryOffset)
    {
        int first = Math.Max(Length, queryOffset - rowOffset);
        int end = Length + count;
        if (first >= end)
        {
            return;
        }
        int[] probes = ProbesIn(first, end);
        int firstItem = first / ItemPositions;
        int items = (end - 1) / ItemPositions - firstItem + 1;
        int perHead = items + (probes.Length > 0 ? 1 : 0);
        var piece = new Piece(call, batch, rowOffset - queryOffset, probes);
        ParallelItems.Run(
            perHead * _heads.Length,
            _run.Threads,
            RentWorkspace,
            (workspace, task) =>
            {
                // Probes first: they are the longest items.
                int item = task / _heads.Length - (perHead - items);
                int head = task % _heads.Length;
                if (item < 0)
                {
                    EvaluateProbes(piece, head, workspace);
                    return;
                }
                int from = Math.Max(first, (firstItem + item) * ItemPositions);
                int to = Math.Min(end, (firstItem + item + 1) * ItemPositions);
                AttendPositions(piece, head, from, to, workspace);
            },
            _workspaces.Add,
            call.CancellationToken);
    }

    private Workspace RentWorkspace() => _workspaces.TryTake(out Workspace? workspace)
        ? workspace
        : new Workspace(QueryBlock.Create(_run.Simd, Math.Max(ItemPositions, _options.Probes) * _group, _dimension, _valueDimension));

    /// <summary>Probe positions in [first, end): evenly spaced in every few blocks, the first of them the second block.</summary>
    private int[] ProbesIn(int first, int end)
    {
        if (_block % _options.ProbeSpacing != 1 % _options.ProbeSpacing || _heads[0].Index.Count == 0)
        {
            return [];
        }
        return [.. Enumerable.Range(0, _options.Probes)
            .Select(i => BlockStart + (2 * i + 1) * _options.BlockSize / (2 * _options.Probes))
            .Where(position => position >= first && position < end)];
    }

    private void AttendPositions(Piece piece, int head, int from, int to, Workspace workspace)
    {
        QueryBlock block = workspace.Block;
        block.Clear();
        workspace.Rows.Clear();
        Span<int> visible = stackalloc int[(to - from) * _group];
        Span<int> routed = stackalloc int[(to - from) * _group];
        for (int position = from; position < to; position++)
        {
            if (Array.IndexOf(piece.Probes, position) >= 0)
            {
                continue;
            }
            for (int member = 0; member < _group; member++)
            {
                int row = block.Add(piece.Query(head * _group + member, position), _scale);
                visible[row] = NearCount(position + 1);
                routed[row] = _chosen[head * _group + member];
                workspace.Rows.Add((position, head * _group + member));
            }
        }
        long interactions = Sum(visible[..block.Rows]);
        KeyIndex index = _heads[head].Index;
        block.Attend(_heads[head].Near, 0, block.Rows, visible);
        interactions += AttendFar(index, workspace, routed[..block.Rows]);
        for (int row = 0; row < block.Rows; row++)
        {
            piece.Finish(block, row, workspace.Rows[row]);
        }
        piece.Call.Work.AddInteractions(interactions);
    }

    /// <summary>Centroids and routed members for all rows of the block; returns the interactions.</summary>
    private long AttendFar(KeyIndex index, Workspace workspace, Span<int> routed)
    {
        if (index.Count == 0)
        {
            return 0;
        }
        QueryBlock block = workspace.Block;
        workspace.Table.Clear(index.Clusters);
        long interactions = 0;
        Span<int> caps = stackalloc int[routed.Length];
        for (int row = 0; row < routed.Length; row++)
        {
            routed[row] = WithinExact(index, routed[row]);
            caps[row] = MemberCap(index, row, workspace);
        }
        // Runs of rows that share the decision between exact and routed.
        for (int start = 0; start < routed.Length;)
        {
            int end = start;
            bool exact = routed[start] == EffortLadder.Exact;
            while (end < routed.Length && (routed[end] == EffortLadder.Exact) == exact)
            {
                end++;
            }
            if (exact)
            {
                RouteToAll(index, workspace.Table, start, end);
            }
            else
            {
                block.Route(index.Centroids, start, end - start, routed[start..end], caps[start..end], workspace.Table);
                interactions += (long)(end - start) * index.Clusters;
            }
            start = end;
        }
        workspace.Table.Sort();
        for (int cluster = 0; cluster < index.Clusters; cluster++)
        {
            block.AttendRows(index.Region(cluster), workspace.Table.RowsOf(cluster));
        }
        return interactions + workspace.Table.MemberInteractions;
    }

    private static void RouteToAll(KeyIndex index, RoutingTable table, int start, int end)
    {
        for (int row = start; row < end; row++)
        {
            for (int cluster = 0; cluster < index.Clusters; cluster++)
            {
                table.Add(row, cluster, index.Centroids.Members[cluster]);
            }
        }
    }

    /// <summary>Routed clusters are larger than average: where the estimate exceeds exact, exact is cheaper.</summary>
    private static int WithinExact(KeyIndex index, int routed)
    {
        const double RoutedToAverageSize = 1.45;
        double estimate = index.Clusters + (double)routed * index.Count / index.Clusters * RoutedToAverageSize;
        return routed == EffortLadder.Exact || estimate >= index.Count ? EffortLadder.Exact : routed;
    }

    private int MemberCap(KeyIndex index, int row, Workspace workspace)
    {
        if (_options.Budget is null)
        {
            return int.MaxValue;
        }
        int position = workspace.Rows[row].Position;
        return Math.Max(0, (int)(_options.Budget.Value * (position + 1)) - NearCount(position + 1) - index.Clusters);
    }

    private void EvaluateProbes(Piece piece, int head, Workspace workspace)
    {
        QueryBlock block = workspace.Block;
        KeyIndex index = _heads[head].Index;
        block.Clear();
        int rows = piece.Probes.Length * _group;
        Span<int> visible = stackalloc int[rows];
        foreach (int position in piece.Probes)
        {
            for (int member = 0; member < _group; member++)
            {
                visible[block.Add(piece.Query(head * _group + member, position), _scale)] = NearCount(position + 1);
            }
        }
        using var evaluation = new ProbeEvaluation(index, rows, _valueDimension);
        evaluation.Compute(block, _heads[head].Near, visible);
        for (int row = 0; row < rows; row++)
        {
            int position = piece.Probes[row / _group];
            int queryHead = head * _group + row % _group;
            float logSumExp = evaluation.Evaluate(row, piece.Output(queryHead, position));
            piece.SetLogSumExp(queryHead, position, logSumExp);
            int inUse = WithinExact(index, _chosen[queryHead]);
            lock (_effort)
            {
                _effort.Add(new ProbeRecord(
                    position, queryHead, evaluation.SquaredErrors, evaluation.SquaredNorm, inUse, evaluation.ErrorAt(inUse)));
            }
            piece.Call.Work.AddInteractions(position + 1 + index.Clusters);
        }
    }

    private static long Sum(ReadOnlySpan<int> counts)
    {
        long sum = 0;
        foreach (int count in counts)
        {
            sum += count;
        }
        return sum;
    }

    /// <summary>One call's view of the queries and outputs of the current block.</summary>
    /// <param name="Call">The call.</param>
    /// <param name="Batch">Sequence.</param>
    /// <param name="QueryShift">Query row = position + shift.</param>
    /// <param name="Probes">Probe positions.</param>
    private sealed record Piece(AttentionCall Call, int Batch, int QueryShift, int[] Probes)
    {
        public ReadOnlySpan<float> Query(int head, int position) => Call.Queries(Batch, head).Row(position + QueryShift);

        public Span<float> Output(int head, int position) => Call.Output(Batch, head).Row(position + QueryShift);

        public void Finish(QueryBlock block, int row, (int Position, int Head) query) =>
            Call.Finish(block, row, Batch, query.Head, query.Position + QueryShift);

        public void SetLogSumExp(int head, int position, float value) => Call.SetLogSumExp(Batch, head, position + QueryShift, value);
    }

    /// <summary>What one thread works with.</summary>
    private sealed record Workspace(QueryBlock Block) : IDisposable
    {
        public RoutingTable Table { get; } = new();

        /// <summary>Position and query head of each row.</summary>
        public List<(int Position, int Head)> Rows { get; } = [];

        public void Dispose() => Block.Dispose();
    }

    /// <summary>State of one key/value head: far keys in the index; sinks and recent keys in the near region.</summary>
    private sealed class Head(ClusteredOptions options, AttentionOptions run, CacheShape shape, int head) : IDisposable
    {
        public KeyIndex Index { get; } = new(options, run, head, shape.HeadDimension, shape.ValueDimension);

        public KeyRegion Near { get; } = KeyRegion.Create(run.Simd, shape.HeadDimension, shape.ValueDimension, options.Storage);

        public void Append(MatrixView keys, MatrixView values, int firstRow, int count)
        {
            Near.Reserve(options.Sinks + options.Near + options.BlockSize);
            for (int row = firstRow; row < firstRow + count; row++)
            {
                Near.Append(keys.Row(row), values.Row(row));
            }
        }

        /// <summary>Moves the <paramref name="count"/> oldest near keys after the sinks into the index.</summary>
        public void MoveToIndex(int count)
        {
            if (count <= 0)
            {
                return;
            }
            (float[] keys, float[] values) = ReadNear();
            int sinks = options.Sinks;
            Index.Extend(keys.AsSpan(sinks * shape.HeadDimension), values.AsSpan(sinks * shape.ValueDimension), count);
            int total = Near.Count;
            Near.Truncate(sinks);
            Refill(keys, values, sinks + count, total);
        }

        /// <summary>Rebuilds index and near part for the first <paramref name="length"/> tokens by replaying their blocks.</summary>
        public void Rebuild(int oldLength, int length, int nearStart, ClusteredOptions settings)
        {
            int d = shape.HeadDimension, dv = shape.ValueDimension;
            var keys = new float[oldLength * d];
            var values = new float[oldLength * dv];
            (float[] nearKeys, float[] nearValues) = ReadNear();
            int sinks = Math.Min(settings.Sinks, Near.Count);
            nearKeys.AsSpan(0, sinks * d).CopyTo(keys);
            nearValues.AsSpan(0, sinks * dv).CopyTo(values);
            Index.CopyTo(keys.AsSpan(sinks * d), values.AsSpan(sinks * dv));
            nearKeys.AsSpan(sinks * d).CopyTo(keys.AsSpan(nearStart * d));
            nearValues.AsSpan(sinks * dv).CopyTo(values.AsSpan(nearStart * dv));
            Index.Clear();
            Near.Truncate(0);
            int filled = 0;
            for (int start = 0; start < length; start += settings.BlockSize)
            {
                MoveToIndex(Math.Max(settings.Sinks, start - settings.Near) - settings.Sinks - Index.Count);
                int end = Math.Min(length, start + settings.BlockSize);
                Refill(keys, values, filled, end);
                filled = end;
            }
        }

        public void Dispose()
        {
            Index.Dispose();
            Near.Dispose();
        }

        private void Refill(float[] keys, float[] values, int first, int end)
        {
            for (int i = first; i < end; i++)
            {
                Near.Append(keys.AsSpan(i * shape.HeadDimension, shape.HeadDimension), values.AsSpan(i * shape.ValueDimension, shape.ValueDimension));
            }
        }

        private (float[] Keys, float[] Values) ReadNear()
        {
            var keys = new float[Near.Count * shape.HeadDimension];
            var values = new float[Near.Count * shape.ValueDimension];
            for (int i = 0; i < Near.Count; i++)
            {
                Near.ReadKey(i, keys.AsSpan(i * shape.HeadDimension, shape.HeadDimension));
                Near.ReadValue(i, values.AsSpan(i * shape.ValueDimension, shape.ValueDimension));
            }
            return (keys, values);
        }
    }
}
