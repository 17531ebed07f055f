using System.Collections.Concurrent;

namespace Prescore.Attention.Clustered;

/// <summary>Batches of one shape, a thread each, that are kept from one call to the next.</summary>
internal sealed class QueryBatchPool(BatchShape shape) : IDisposable
{
    private readonly ConcurrentBag<QueryBatch> _free = [];

    /// <summary>What the batches are made for.</summary>
    public BatchShape Shape => shape;

    /// <summary>Layers that share it; for <see cref="QueryBatchPools"/>.</summary>
    public int Owners { get; set; }

    /// <summary>A batch for one thread, until <see cref="Return"/>.</summary>
    public QueryBatch Rent() => _free.TryTake(out QueryBatch? batch)
        ? batch
        : new QueryBatch(shape.Simd, shape.Rows, shape.Dimension, shape.ValueDimension, shape.Rank);

    /// <summary>Gives a batch back.</summary>
    public void Return(QueryBatch batch) => _free.Add(batch);

    /// <summary>Frees all batches; none is in use.</summary>
    public void Dispose()
    {
        while (_free.TryTake(out QueryBatch? batch))
        {
            batch.Dispose();
        }
    }
}
