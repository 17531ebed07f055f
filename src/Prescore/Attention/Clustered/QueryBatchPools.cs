using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Batches that the layers of one method share, as a model's layers run one after the other: a batch takes some MiB, which
/// thirty layers would each hold for nothing. When the last layer that shares them is gone they stay for the next call of that
/// shape, which else would touch fresh pages, until layers of another shape come or the method goes.
/// </summary>
internal sealed class QueryBatchPools
{
    private readonly Dictionary<BatchShape, QueryBatchPool> _pools = [];

    /// <summary>The pool of a shape, with one owner more; each calls <see cref="Release"/> once.</summary>
    public QueryBatchPool Share(BatchShape shape)
    {
        lock (_pools)
        {
            if (!_pools.TryGetValue(shape, out QueryBatchPool? pool))
            {
                FreeIdle();
                _pools.Add(shape, pool = new QueryBatchPool(shape));
            }
            pool.Owners++;
            return pool;
        }
    }

    /// <summary>One owner less.</summary>
    public void Release(QueryBatchPool pool)
    {
        lock (_pools)
        {
            pool.Owners--;
        }
    }

    /// <summary>Frees the batches that no layer shares.</summary>
    public void FreeIdle()
    {
        lock (_pools)
        {
            foreach (QueryBatchPool pool in _pools.Values.Where(pool => pool.Owners == 0).ToArray())
            {
                _pools.Remove(pool.Shape);
                pool.Dispose();
            }
        }
    }
}

/// <summary>What batches are made for.</summary>
/// <param name="Simd">SIMD path.</param>
/// <param name="Rows">Largest number of rows.</param>
/// <param name="Dimension">Length of queries and keys.</param>
/// <param name="ValueDimension">Length of values.</param>
/// <param name="Rank">Coordinates of a sketch.</param>
internal readonly record struct BatchShape(SimdPath Simd, int Rows, int Dimension, int ValueDimension, int Rank);
