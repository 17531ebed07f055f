using System.Collections.Concurrent;
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
    private readonly int _valueDimension;
    private readonly int _dimension;
    private readonly float _scale;
    private readonly ClusteredHead[] _heads;
    private readonly EffortControl _effort;
    private readonly HeadTally _tally;
    private readonly ConcurrentBag<QueryBatch> _batches = [];
    private int[] _chosen;
    private int[] _probes = [];
    private BlockCaps?[] _caps = [];
    private int _block = -1;

    public ClusteredLayer(ClusteredOptions options, CacheShape shape, AttentionOptions run, bool weighted)
    {
        _options = options;
        _run = run;
        _group = shape.QueryHeads / shape.KeyValueHeads;
        _dimension = shape.HeadDimension;
        _valueDimension = shape.ValueDimension;
        _scale = shape.Scale ?? 1 / MathF.Sqrt(shape.HeadDimension);
        _effort = new EffortControl(shape.QueryHeads, options);
        _tally = new HeadTally(shape.QueryHeads);
        _chosen = new int[shape.QueryHeads];
        _heads = [.. Enumerable.Range(0, shape.KeyValueHeads).Select(head => new ClusteredHead(options, run, shape, head, weighted))];
    }

    /// <summary>Number of tokens.</summary>
    public int Length { get; private set; }

    public long Bytes => _heads.Sum(head => head.Bytes);

    public EffortControl Effort => _effort;

    /// <summary>Key/value heads.</summary>
    public IReadOnlyList<ClusteredHead> Heads => _heads;

    /// <summary>p of every query head in the current block.</summary>
    public IReadOnlyList<int> Chosen => _chosen;

    /// <summary>Called after a block's index and p are set, before its queries attend; for tests.</summary>
    public Action<ClusteredLayer, int>? OnBlock { get; set; }

    private int BlockStart => _block * _options.BlockSize;

    /// <summary>
    /// Appends the tokens whose keys are rows [0, count) of the call, and attends for those that have a query: token at
    /// row r has query r − <paramref name="queryOffset"/>, if that is not negative.
    /// </summary>
    public void Append(AttentionCall call, int batch, int count, int queryOffset)
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
                _heads[head].Append(call.Keys(batch, head), call.Values(batch, head), call.KeyLogWeights(batch, head), done, piece);
            }
            AttendPiece(new Piece(call, batch, done - Length - queryOffset), Math.Max(Length, Length - done + queryOffset), Length + piece);
            Length += piece;
            done += piece;
        }
    }

    /// <summary>Forgets all tokens from <paramref name="length"/> on; the state is as if they had never been appended.</summary>
    public void Rewind(int length)
    {
        _effort.Rewind(length);
        _tally.Rewind((length + _options.BlockSize - 1) / _options.BlockSize);
        if (length < BlockStart || (length == BlockStart && length < Length))
        {
            Rebuild(length);
        }
        else
        {
            foreach (ClusteredHead head in _heads)
            {
                head.Near.Truncate(length == 0 ? 0 : _options.NearCount(length - 1));
            }
        }
        Length = length;
    }

    /// <summary>One certificate a query head.</summary>
    public HeadCertificate[] Certificates()
    {
        ILookup<int, ProbeRecord> records = _effort.Records.OrderBy(record => record.Position).ToLookup(record => record.Head);
        return
        [
            .. Enumerable.Range(0, _chosen.Length).Select(head => CertificateSummary.Of(
                [.. records[head]], _options.BlockSize, _tally.Certificate(head, _run.Layer, QueryBatch.WithinExact(IndexOf(head), _chosen[head])))),
        ];
    }

    public void Dispose()
    {
        foreach (ClusteredHead head in _heads)
        {
            head.Dispose();
        }
        foreach (QueryBatch batch in _batches)
        {
            batch.Dispose();
        }
    }

    /// <summary>Replays the blocks before <paramref name="length"/> from the stored keys.</summary>
    private void Rebuild(int length)
    {
        int oldLength = Length, nearStart = _options.NearStart(BlockStart);
        ParallelItems.Run(
            _heads.Length,
            _run.Threads,
            head => _heads[head].Rebuild(oldLength, length, nearStart, (rebuilt, start) =>
                IndexGrowth.Advance(rebuilt, Moved(start), _options)));
        _block = (length + _options.BlockSize - 1) / _options.BlockSize - 1;
        if (length > 0)
        {
            SetBlock();
        }
    }

    /// <summary>Positions that enter the far part with the block that starts at <paramref name="blockStart"/>.</summary>
    private int Moved(int blockStart) =>
        blockStart == 0 ? 0 : _options.NearStart(blockStart) - _options.NearStart(blockStart - _options.BlockSize);

    /// <summary>The far part grows to [sinks, start − w), the near part shrinks to its beginning, and p is chosen anew.</summary>
    private void BeginBlock(AttentionCall call)
    {
        _block++;
        IndexGrowth.Advance(_heads, Moved(BlockStart), _options, _run, call.Work, call.CancellationToken);
        SetBlock();
        _tally.BeginBlock(
            _block,
            [.. _chosen.Select((effort, head) => IndexOf(head) is { Count: > 0 } index
                ? QueryBatch.WithinExact(index, effort) == EffortLadder.Exact ? BlockKind.Exact : BlockKind.Routed
                : BlockKind.Near)]);
        OnBlock?.Invoke(this, _block);
    }

    private KeyIndex IndexOf(int queryHead) => _heads[queryHead / _group].Index;

    /// <summary>What follows from the records before the block and the index alone.</summary>
    private void SetBlock()
    {
        _chosen = _effort.Choose(BlockStart);
        _probes = _heads.All(head => head.Index.Count == 0) ? [] : ProbeSchedule.Positions(_options, _block);
        _caps = [.. _heads.Select(head => _options.Budget < 1 ? new BlockCaps(_options, BlockStart, _probes, head.Index.Clusters) : null)];
    }

    /// <summary>Queries at positions [first, end) of the current block attend.</summary>
    private void AttendPiece(Piece piece, int first, int end)
    {
        if (first >= end)
        {
            return;
        }
        int[] probes = [.. _probes.Where(position => position >= first && position < end)];
        int firstItem = first / ItemPositions;
        int items = (end - 1) / ItemPositions - firstItem + 1;
        int perHead = items + (probes.Length > 0 ? 1 : 0);
        ParallelItems.Run(
            perHead * _heads.Length,
            _run.Threads,
            RentBatch,
            (batch, task) =>
            {
                // Probes first: they are the longest items.
                int item = task / _heads.Length - (perHead - items);
                int head = task % _heads.Length;
                if (item < 0)
                {
                    EvaluateProbes(piece, head, probes, batch);
                    return;
                }
                int from = Math.Max(first, (firstItem + item) * ItemPositions);
                int to = Math.Min(end, (firstItem + item + 1) * ItemPositions);
                AttendPositions(piece, head, from, to, batch);
            },
            _batches.Add,
            piece.Call.CancellationToken);
    }

    private QueryBatch RentBatch() => _batches.TryTake(out QueryBatch? batch)
        ? batch
        : new QueryBatch(QueryBlock.Create(_run.Simd, Math.Max(ItemPositions, _options.Probes) * _group, _dimension, _valueDimension));

    private void AttendPositions(Piece piece, int head, int from, int to, QueryBatch batch)
    {
        KeyIndex index = _heads[head].Index;
        batch.Clear(index.Clusters);
        for (int member = 0; member < _group; member++)
        {
            for (int position = from; position < to; position++)
            {
                if (Array.IndexOf(_probes, position) < 0)
                {
                    AddQuery(piece, batch, head * _group + member, position);
                }
            }
        }
        batch.Block.Attend(_heads[head].Near, 0, batch.Block.Rows, batch.Visible);
        int rows = batch.Block.Rows / _group;
        Span<int> caps = _caps[head] is null ? default : stackalloc int[rows];
        for (int row = 0; row < caps.Length; row++)
        {
            caps[row] = _caps[head]!.Members(batch.Rows[row].Position, index.Clusters);
        }
        for (int member = 0; member < _group; member++)
        {
            int queryHead = head * _group + member;
            long interactions = Sum(batch.Visible.Slice(member * rows, rows))
                + batch.AttendFar(index, member * rows, rows, _chosen[queryHead], caps, out bool capped);
            _tally.Add(queryHead, interactions, ExactInteractions(batch, member * rows, rows));
            piece.Call.Work.AddInteractions(interactions);
            if (capped)
            {
                _tally.SetUnmet(queryHead, _block);
            }
        }
        batch.AttendMembers(index);
        for (int row = 0; row < batch.Block.Rows; row++)
        {
            piece.Finish(batch.Block, row, batch.Rows[row]);
        }
    }

    private void AddQuery(Piece piece, QueryBatch batch, int queryHead, int position) =>
        batch.Add(piece.Query(queryHead, position), _scale, position, queryHead, _options.NearCount(position));

    private void EvaluateProbes(Piece piece, int head, int[] probes, QueryBatch batch)
    {
        KeyIndex index = _heads[head].Index;
        batch.Clear(index.Clusters);
        for (int member = 0; member < _group; member++)
        {
            foreach (int position in probes)
            {
                AddQuery(piece, batch, head * _group + member, position);
            }
        }
        using var evaluation = new ProbeEvaluation(index, batch.Block.Rows, _valueDimension, EffortLadder.Count(_options.LargestEffort));
        evaluation.Compute(batch.Block, _heads[head].Near, batch.Visible);
        for (int row = 0; row < batch.Block.Rows; row++)
        {
            (int position, int queryHead) = batch.Rows[row];
            piece.SetLogSumExp(queryHead, position, evaluation.Evaluate(row, piece.Output(queryHead, position)));
            int inUse = QueryBatch.WithinExact(index, _chosen[queryHead]);
            lock (_effort)
            {
                _effort.Add(new ProbeRecord(
                    position, queryHead, evaluation.SquaredErrors, evaluation.SquaredNorm, inUse, evaluation.ErrorAt(inUse)));
            }
            // Removed keys are not in the index.
            long interactions = batch.Visible[row] + index.Count + index.Clusters;
            _tally.Add(queryHead, interactions, position + 1);
            piece.Call.Work.AddInteractions(interactions);
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

    private static long ExactInteractions(QueryBatch batch, int first, int count)
    {
        long sum = 0;
        for (int row = first; row < first + count; row++)
        {
            sum += batch.Rows[row].Position + 1;
        }
        return sum;
    }

    /// <summary>One call's view of the queries and outputs of the current block.</summary>
    /// <param name="Call">The call.</param>
    /// <param name="Batch">Sequence.</param>
    /// <param name="QueryShift">Query row = position + shift.</param>
    private sealed record Piece(AttentionCall Call, int Batch, int QueryShift)
    {
        public ReadOnlySpan<float> Query(int head, int position) => Call.Queries(Batch, head).Row(position + QueryShift);

        public Span<float> Output(int head, int position) => Call.Output(Batch, head).Row(position + QueryShift);

        public void Finish(QueryBlock block, int row, (int Position, int Head) query) =>
            Call.Finish(block, row, Batch, query.Head, query.Position + QueryShift);

        public void SetLogSumExp(int head, int position, float value) => Call.SetLogSumExp(Batch, head, position + QueryShift, value);
    }
}
