using System.Diagnostics;
using Prescore.Attention.Core;
using Prescore.Scheduling;

namespace Prescore.Attention.Clustered;

/// <summary>
/// One head's way through the tokens of a call, in stages: at the start of a block the index grows, then the block's queries
/// attend. The next block waits for them, as their probes may change its p.
/// </summary>
/// <param name="head">The head.</param>
/// <param name="options">The settings.</param>
/// <param name="call">The call.</param>
/// <param name="batch">Sequence of the call.</param>
/// <param name="firstPosition">Absolute position of the call's first key.</param>
/// <param name="queryOffset">The token at key row r has query row r − queryOffset, if that is not negative.</param>
/// <param name="itemPositions">Positions of one item.</param>
/// <param name="onBlock">Called when a block's index and p are set; null: nobody looks.</param>
internal sealed class HeadAdvance(
    ClusteredHead head,
    ClusteredOptions options,
    AttentionCall call,
    int batch,
    int firstPosition,
    int queryOffset,
    int itemPositions,
    Action<ClusteredHead>? onBlock) : IWorkChain<QueryBatch>
{
    private readonly int _group = call.Shape.QueryHeads / call.Shape.KeyValueHeads;
    private readonly int _start = firstPosition;
    private readonly int _end = firstPosition + call.Shape.Keys;
    private readonly int _firstQuery = firstPosition + queryOffset;
    private int _position = firstPosition;
    private int _first;
    private int[] _probes = [];

    public int NextStage()
    {
        if (_position < _end && _position % options.BlockSize == 0 && _position / options.BlockSize != head.Block)
        {
            long start = Stopwatch.GetTimestamp();
            head.MoveToIndex();
            call.Work.AddIndexTime(start);
            head.BeginBlock();
            onBlock?.Invoke(head);
        }
        return NextPiece();
    }

    public void Run(int item, QueryBatch queries)
    {
        if (_probes.Length > 0 && item == 0)
        {
            // Probes first: they are the longest item.
            EvaluateProbes(queries);
            return;
        }
        int slice = _first / itemPositions + item - (_probes.Length > 0 ? 1 : 0);
        Attend(Math.Max(_first, slice * itemPositions), Math.Min(_position, (slice + 1) * itemPositions), queries);
    }

    /// <summary>Appends the block's tokens; returns the items of those that have queries.</summary>
    private int NextPiece()
    {
        while (_position < _end)
        {
            int pieceEnd = Math.Min(_end, head.BlockStart + options.BlockSize);
            if (_position >= pieceEnd)
            {
                // The next block has to be opened first.
                return NextStage();
            }
            int row = _position - _start;
            head.Append(call.Keys(batch, head.Head), call.Values(batch, head.Head), call.KeyLogWeights(batch, head.Head), row, pieceEnd - _position);
            _first = Math.Max(_position, _firstQuery);
            _position = pieceEnd;
            SampleQueries();
            if (_first < pieceEnd)
            {
                _probes = [.. head.Probes.Where(position => position >= _first && position < pieceEnd)];
                return (pieceEnd - 1) / itemPositions - _first / itemPositions + 1 + (_probes.Length > 0 ? 1 : 0);
            }
        }
        return 0;
    }

    private void SampleQueries()
    {
        for (int position = _first; position < _position; position++)
        {
            int member = head.Queries.MemberAt(position);
            if (member >= 0)
            {
                head.Queries.Add(position, call.Queries(batch, head.Head * _group + member).Row(QueryRow(position)));
            }
        }
    }

    private void Attend(int from, int to, QueryBatch queries)
    {
        KeyIndex index = head.Index;
        queries.Clear();
        for (int member = 0; member < _group; member++)
        {
            for (int position = from; position < to; position++)
            {
                if (Array.IndexOf(head.Probes, position) < 0)
                {
                    AddQuery(queries, member, position);
                }
            }
        }
        int rows = queries.Block.Rows / _group;
        queries.Block.Attend(head.Near, 0, queries.Block.Rows, queries.Visible);
        Span<int> caps = head.Caps is null ? default : stackalloc int[rows];
        double sketchCost = options.SketchCost(call.Shape.HeadDimension, call.Shape.ValueDimension);
        for (int row = 0; row < caps.Length; row++)
        {
            caps[row] = head.Caps!.Selected(queries.Rows[row].Position, index.Clusters, sketchCost * index.Count);
        }
        Span<int> firstCapped = stackalloc int[_group];
        queries.AttendFar(index, head.Chosen, caps, firstCapped);
        for (int member = 0; member < _group; member++)
        {
            if (firstCapped[member] >= 0)
            {
                head.Tally.AddUnmet(member, head.Block, queries.Rows[firstCapped[member]].Position);
            }
        }
        for (int row = 0; row < queries.Block.Rows; row++)
        {
            (int position, int queryHead) = queries.Rows[row];
            call.Finish(queries.Block, row, batch, queryHead, QueryRow(position));
        }
        for (int member = 0; member < _group && rows > 0; member++)
        {
            Count(member, queries.WorkOf(index, member * rows, rows, head.Chosen[member], caps, sketchCost));
        }
    }

    private void EvaluateProbes(QueryBatch queries)
    {
        KeyIndex index = head.Index;
        queries.Clear();
        for (int member = 0; member < _group; member++)
        {
            foreach (int position in _probes)
            {
                AddQuery(queries, member, position);
            }
        }
        int blocks = ProbeSchedule.BlocksOf(options, head.Block);
        ProbeEvaluation evaluation = queries.Probes;
        evaluation.Compute(index, head.Near, queries.Visible, options.LastThreshold);
        for (int row = 0; row < queries.Block.Rows; row++)
        {
            (int position, int queryHead) = queries.Rows[row];
            int member = row / _probes.Length;
            float logSumExp = evaluation.Evaluate(row, call.Output(batch, queryHead).Row(QueryRow(position)));
            call.SetLogSumExp(batch, queryHead, QueryRow(position), logSumExp);
            head.Threshold.Add(new ProbeRecord(
                position, queryHead, evaluation.SquaredErrors, evaluation.Selected, index.Count, evaluation.SquaredNorm, blocks, head.Chosen[member]));
            // Removed keys are not in the index.
            Count(member, new HeadWork(queries.Visible[row] + index.Count + index.Clusters, 0, position + 1));
        }
    }

    private void AddQuery(QueryBatch queries, int member, int position)
    {
        int queryHead = head.Head * _group + member;
        queries.Add(call.Queries(batch, queryHead).Row(QueryRow(position)), call.Scale, position, queryHead, options.NearCount(position));
    }

    private int QueryRow(int position) => position - _firstQuery;

    private void Count(int member, HeadWork work)
    {
        head.Tally.Add(member, work);
        call.Work.AddInteractions(work.Interactions);
        call.Work.AddScreened(work.Screened);
    }
}
