using System.Collections.Concurrent;
using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Batches that layers of one shape share, as a model's layers run one after the other: a batch takes some MiB, which sixty of
/// them would hold for nothing. They go with the last layer that shares them.
/// </summary>
internal sealed class QueryBatchPool
{
    private static readonly Dictionary<BatchShape, QueryBatchPool> Shared = [];

    private readonly ConcurrentBag<QueryBatch> _free = [];
    private readonly BatchShape _shape;
    private int _owners;

    private QueryBatchPool(BatchShape shape) => _shape = shape;

    /// <summary>The pool of a shape, with one owner more; each calls <see cref="Release"/> once.</summary>
    public static QueryBatchPool Share(BatchShape shape)
    {
        lock (Shared)
        {
            if (!Shared.TryGetValue(shape, out QueryBatchPool? pool))
            {
                Shared.Add(shape, pool = new QueryBatchPool(shape));
            }
            pool._owners++;
            return pool;
        }
    }

    /// <summary>A batch for one thread, until <see cref="Return"/>.</summary>
    public QueryBatch Rent() => _free.TryTake(out QueryBatch? batch)
        ? batch
        : new QueryBatch(_shape.Simd, _shape.Rows, _shape.Dimension, _shape.ValueDimension, _shape.Rank);

    /// <summary>Gives a batch back.</summary>
    public void Return(QueryBatch batch) => _free.Add(batch);

    /// <summary>One owner less.</summary>
    public void Release()
    {
        lock (Shared)
        {
            if (--_owners > 0)
            {
                return;
            }
            Shared.Remove(_shape);
        }
        while (_free.TryTake(out QueryBatch? batch))
        {
            batch.Dispose();
        }
    }
}

/// <summary>What batches are made for.</summary>
/// <param name="Simd">SIMD path.</param>
/// <param name="Threads">Threads of a call: as many batches are in use at once.</param>
/// <param name="Rows">Largest number of rows.</param>
/// <param name="Dimension">Length of queries and keys.</param>
/// <param name="ValueDimension">Length of values.</param>
/// <param name="Rank">Coordinates of a sketch.</param>
internal readonly record struct BatchShape(SimdPath Simd, int Threads, int Rows, int Dimension, int ValueDimension, int Rank);
