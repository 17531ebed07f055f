using System.Collections.Concurrent;
using System.Diagnostics;
using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Memory;
using Prescore.Numerics;
using Prescore.Scheduling;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Non-causal Clustered attention: all keys are far, there is no near part. Probe queries spread evenly over the sequence
/// choose p, as many others between them certify it, and both are exact; all other queries use it.
/// </summary>
internal sealed class WholeSequence(ClusteredOptions options, AttentionCall call, int batch)
{
    private const int ItemQueries = 128;

    /// <summary>Queries that shape the sketches of a key/value head.</summary>
    private const int SampledQueries = 512;

    private readonly AttentionShape _shape = call.Shape;
    private readonly int _group = call.Shape.QueryHeads / call.Shape.KeyValueHeads;
    private readonly double _sketchCost = options.SketchCost(call.Shape.HeadDimension, call.Shape.ValueDimension);
    private readonly HeadTally _tally = new(call.Shape.QueryHeads);
    private readonly List<ProbeRecord> _certifying = [];
    private readonly int[] _chosen = new int[call.Shape.QueryHeads];
    private readonly ConcurrentBag<QueryBatch> _batches = [];

    /// <summary>Called with the indices and p of every query head before the queries attend; for tests.</summary>
    public Action<KeyIndex[], int[]>? OnChosen { get; init; }

    /// <summary>Attends and returns the certificates.</summary>
    public HeadCertificate[] Run()
    {
        KeyIndex[] indices = BuildIndices();
        try
        {
            ParallelItems.Run(indices.Length, call.Options.Threads, RentBatch, (queries, head) => Probe(indices[head], head, queries), _batches.Add, call.CancellationToken);
            OnChosen?.Invoke(indices, _chosen);
            _tally.BeginBlock(0, [.. _chosen.Select(chosenThreshold => chosenThreshold == Thresholds.Exact ? BlockKind.Exact : BlockKind.Screened)]);
            int items = (_shape.Queries + ItemQueries - 1) / ItemQueries;
            ParallelItems.Run(
                items * indices.Length,
                call.Options.Threads,
                RentBatch,
                (queries, task) => Attend(indices[task % indices.Length], task % indices.Length, task / indices.Length * ItemQueries, queries),
                _batches.Add,
                call.CancellationToken);
        }
        finally
        {
            foreach (IDisposable held in indices.Cast<IDisposable>().Concat(_batches))
            {
                held.Dispose();
            }
        }
        ILookup<int, ProbeRecord> records = _certifying.OrderBy(record => record.Position).ToLookup(record => record.Head);
        HeadCertificate[] counts = [.. _chosen.Select((threshold, head) => _tally.Certificate(head, call.Options.Layer, head, threshold))];
        // Probes lie far apart here: each is a block of its own.
        return
        [
            .. Enumerable.Range(0, _shape.QueryHeads).Chunk(_shape.QueryHeads / _shape.KeyValueHeads).SelectMany(group =>
                CertificateSummary.Of([.. group.Select(head => records[head].ToArray())], 1, [.. group.Select(head => counts[head])])),
        ];
    }

    /// <summary>Every second of the evenly spaced probes chooses, the others certify.</summary>
    private int[] ProbePositions()
    {
        int count = Math.Min(2 * options.Probes, _shape.Queries);
        return [.. Enumerable.Range(0, count).Select(i => (int)((2L * i + 1) * _shape.Queries / (2 * count))).Distinct()];
    }

    private KeyIndex[] BuildIndices()
    {
        var indices = new KeyIndex[_shape.KeyValueHeads];
        ParallelItems.Run(
            indices.Length,
            call.Options.Threads,
            head =>
            {
                long start = Stopwatch.GetTimestamp();
                indices[head] = new KeyIndex(new IndexSettings(
                    options, call.Options, head, _shape.HeadDimension, _shape.ValueDimension, call.HasLogWeights, QueryMoment(head)));
                Fill(indices[head], head);
                call.Work.AddIndexTime(start);
                call.Work.AddIndexProducts(indices[head].Products);
            },
            call.CancellationToken);
        return indices;
    }

    /// <summary>Second moment of evenly spaced queries, one query head of the group after the other.</summary>
    private SecondMoment QueryMoment(int head)
    {
        var moment = new SecondMoment(_shape.HeadDimension);
        int count = Math.Min(SampledQueries, _shape.Queries);
        for (int i = 0; i < count; i++)
        {
            moment.Add(call.Queries(batch, head * _group + i % _group).Row((int)((long)i * _shape.Queries / count)));
        }
        return moment;
    }

    /// <summary>All keys but the removed ones.</summary>
    private void Fill(KeyIndex index, int head)
    {
        ReadOnlySpan<float> logWeights = call.KeyLogWeights(batch, head);
        MatrixView keys = call.Keys(batch, head), values = call.Values(batch, head);
        index.Store.Reserve(_shape.Keys);
        for (int row = 0; row < _shape.Keys; row++)
        {
            float logWeight = logWeights.IsEmpty ? 0 : logWeights[row];
            if (!float.IsNegativeInfinity(logWeight))
            {
                index.Store.Append(keys.Row(row), values.Row(row), logWeight);
            }
        }
        index.Join(index.Store.Count);
    }

    private QueryBatch RentBatch() => _batches.TryTake(out QueryBatch? queries)
        ? queries
        : new QueryBatch(
            call.Options.Simd, Math.Max(ItemQueries, 2 * options.Probes) * _group, _shape.HeadDimension, _shape.ValueDimension, options.SketchRank);

    private void Probe(KeyIndex index, int head, QueryBatch queries)
    {
        queries.Clear();
        int[] positions = ProbePositions();
        for (int member = 0; member < _group; member++)
        {
            foreach (int position in positions)
            {
                Add(queries, head * _group + member, position);
            }
        }
        var control = new ThresholdControl(0, _shape.QueryHeads, options);
        var others = new List<ProbeRecord>();
        ProbeEvaluation evaluation = queries.Probes;
        evaluation.Compute(index, near: null, default, options.LastThreshold);
        for (int row = 0; row < queries.Block.Rows; row++)
        {
            (int position, int queryHead) = queries.Rows[row];
            call.SetLogSumExp(batch, queryHead, position, evaluation.Evaluate(row, call.Output(batch, queryHead).Row(position)));
            // All probes choose together: to the control they are of one block.
            var record = new ProbeRecord(
                0, queryHead, evaluation.SquaredErrors, evaluation.Selected, index.Count, evaluation.SquaredNorm, Blocks: 1, Thresholds.Exact);
            if (Array.IndexOf(positions, position) % 2 == 0)
            {
                control.Add(record);
            }
            else
            {
                others.Add(record with { Position = position });
            }
            Count(queryHead, new HeadWork(index.Count + index.Clusters, 0, _shape.Keys));
        }
        Choose(index, head, control, others);
    }

    private void Choose(KeyIndex index, int head, ThresholdControl control, List<ProbeRecord> others)
    {
        int[] chosen = control.Choose(blockStart: 1, index.Count, index.Clusters);
        Array.Copy(chosen, head * _group, _chosen, head * _group, _group);
        lock (_certifying)
        {
            _certifying.AddRange(others.Select(record => record with { ThresholdInUse = chosen[record.Head] }));
        }
    }

    private void Attend(KeyIndex index, int head, int first, QueryBatch queries)
    {
        int end = Math.Min(_shape.Queries, first + ItemQueries);
        int[] probes = ProbePositions();
        queries.Clear();
        for (int member = 0; member < _group; member++)
        {
            for (int position = first; position < end; position++)
            {
                if (Array.IndexOf(probes, position) < 0)
                {
                    Add(queries, head * _group + member, position);
                }
            }
        }
        int rows = queries.Block.Rows / _group;
        int[] caps = Caps(index, probes, rows);
        Span<int> firstCapped = stackalloc int[_group];
        ReadOnlySpan<int> chosenThresholds = _chosen.AsSpan(head * _group, _group);
        queries.AttendFar(index, chosenThresholds, caps, firstCapped);
        for (int member = 0; member < _group; member++)
        {
            if (firstCapped[member] >= 0)
            {
                _tally.AddUnmet(head * _group + member, 0, queries.Rows[firstCapped[member]].Position);
            }
        }
        for (int row = 0; row < queries.Block.Rows; row++)
        {
            call.Finish(queries.Block, row, batch, queries.Rows[row].Head, queries.Rows[row].Position);
        }
        for (int member = 0; member < _group && rows > 0; member++)
        {
            int queryHead = head * _group + member;
            HeadWork work = queries.WorkOf(index, member * rows, rows, _chosen[queryHead], caps, _sketchCost);
            Count(queryHead, work with { Exact = (long)rows * _shape.Keys });
        }
    }

    /// <summary>What the budget leaves each query for members when probes and centroids are paid.</summary>
    private int[] Caps(KeyIndex index, int[] probes, int rows)
    {
        if (options.Budget is not < 1 || rows == 0)
        {
            return [];
        }
        double all = options.Budget.Value * _shape.Keys * _shape.Queries - (double)probes.Length * (_shape.Keys + index.Clusters);
        int cap = Math.Max(0, (int)(all / (_shape.Queries - probes.Length) - Math.Ceiling(_sketchCost * index.Count)) - index.Clusters);
        return [.. Enumerable.Repeat(cap, rows)];
    }

    private void Add(QueryBatch queries, int queryHead, int position) =>
        queries.Add(call.Queries(batch, queryHead).Row(position), call.Scale, position, queryHead, visible: 0);

    private void Count(int queryHead, HeadWork work)
    {
        _tally.Add(queryHead, work);
        call.Work.AddInteractions(work.Interactions);
        call.Work.AddScreened(work.Screened);
    }
}
