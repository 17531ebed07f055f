using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Scheduling;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Clustered attention's state of one layer of one sequence: its heads, all at the same token. Everything is a function of
/// absolute positions, so how the tokens arrived leaves no trace.
/// </summary>
internal sealed class ClusteredLayer : IDisposable
{
    /// <summary>Queries and outputs of one item stay in a second-level cache.</summary>
    private const int ItemBytes = 448 << 10;

    private const int MostItemPositions = 128;
    private const int FewestItemPositions = 32;

    private readonly ClusteredOptions _options;
    private readonly CacheShape _shape;
    private readonly int _itemPositions;
    private readonly AttentionOptions _run;
    private readonly ClusteredHead[] _heads;
    private readonly QueryBatchPools _pools;
    private readonly QueryBatchPool _batches;
    private bool _disposed;

    /// <param name="options">The method's settings.</param>
    /// <param name="pools">What layers of the method share.</param>
    /// <param name="shape">Heads and sizes.</param>
    /// <param name="run">Threads, SIMD path, seed, layer.</param>
    /// <param name="weighted">Whether keys have log-weights.</param>
    public ClusteredLayer(ClusteredOptions options, QueryBatchPools pools, CacheShape shape, AttentionOptions run, bool weighted)
    {
        _options = options;
        _pools = pools;
        _shape = shape;
        _run = run;
        _itemPositions = ItemPositions(shape, run.Threads);
        int rows = Math.Max(_itemPositions, options.Probes) * (shape.QueryHeads / shape.KeyValueHeads);
        _batches = pools.Share(new BatchShape(run.Simd, rows, shape.HeadDimension, shape.ValueDimension, options.SketchRank));
        _heads = [.. Enumerable.Range(0, shape.KeyValueHeads).Select(head => new ClusteredHead(options, run, shape, head, weighted))];
    }

    /// <summary>Number of tokens.</summary>
    public int Length { get; private set; }

    /// <summary>Bytes held for keys, values and their index.</summary>
    public long Bytes => _heads.Sum(head => head.Bytes);

    /// <summary>Key/value heads.</summary>
    public IReadOnlyList<ClusteredHead> Heads => _heads;

    /// <summary>Called when a head's index and p are set for a block, before its queries attend; from any thread. For tests.</summary>
    public Action<ClusteredHead>? OnBlock { get; set; }

    /// <summary>
    /// Appends the tokens of the call's keys, and attends for those that have a query: the token at key row r has query
    /// row r − <paramref name="queryOffset"/>, if that is not negative.
    /// </summary>
    public void Append(AttentionCall call, int batch, int queryOffset)
    {
        long before = _heads.Sum(head => head.Index.Products);
        ParallelChains.Run(
            [.. _heads.Select(head => new HeadAdvance(head, _options, call, batch, Length, queryOffset, _itemPositions, OnBlock))],
            _run.Threads,
            _batches.Rent,
            _batches.Return,
            call.CancellationToken);
        call.Work.AddIndexProducts(_heads.Sum(head => head.Index.Products) - before);
        Length += call.Shape.Keys;
    }

    /// <summary>Forgets all tokens from <paramref name="length"/> on; the state is as if they had never been appended.</summary>
    public void Rewind(int length)
    {
        ParallelItems.Run(_heads.Length, _run.Threads, head => _heads[head].Rewind(Length, length));
        Length = length;
    }

    /// <summary>Brings all heads back to <see cref="Length"/> after an append that stopped on the way.</summary>
    public void Restore() => ParallelItems.Run(_heads.Length, _run.Threads, head => _heads[head].Restore(Length));

    /// <summary>A layer with the same tokens; the index is built anew from the stored keys.</summary>
    public ClusteredLayer Fork()
    {
        var fork = new ClusteredLayer(_options, _pools, _shape, _run, weighted: false) { Length = Length };
        ParallelItems.Run(_heads.Length, _run.Threads, head => fork._heads[head].CopyFrom(_heads[head], Length));
        return fork;
    }

    /// <summary>Writes the heads; their indices are not among it.</summary>
    public void Save(CacheStream file)
    {
        foreach (ClusteredHead head in _heads)
        {
            head.Save(file, Length);
        }
    }

    /// <summary>Reads what <see cref="Save"/> wrote of so many tokens; this layer is new. The index is built anew.</summary>
    public void Load(CacheStream file, int length)
    {
        foreach (ClusteredHead head in _heads)
        {
            head.Load(file, length);
        }
        Length = length;
        Restore();
    }

    /// <summary>One certificate a query head.</summary>
    public HeadCertificate[] Certificates() => [.. _heads.SelectMany(head => head.Certificates(_run.Layer))];

    public void Dispose()
    {
        foreach (ClusteredHead head in _heads)
        {
            head.Dispose();
        }
        if (!_disposed)
        {
            _disposed = true;
            _pools.Release(_batches);
        }
    }

    /// <summary>
    /// Positions that attend together: many, so that clusters meet full register tiles; few enough for the cache, and for
    /// all threads to have work. Outputs do not depend on it.
    /// </summary>
    private static int ItemPositions(CacheShape shape, int threads)
    {
        int rowBytes = sizeof(float) * (shape.HeadDimension + shape.ValueDimension) * (shape.QueryHeads / shape.KeyValueHeads);
        int positions = MostItemPositions;
        while (positions > FewestItemPositions
            && (positions * rowBytes > ItemBytes || shape.KeyValueHeads * MostItemPositions / positions < threads))
        {
            positions /= 2;
        }
        return positions;
    }
}
