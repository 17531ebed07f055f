namespace Prescore.Kernels;

/// <summary>
/// A matrix B [rows, depth] for repeated products C[m, rows] = A[m, depth] · Bᵀ: a linear layer's weights (rows = outputs),
/// packed as floats or as a file stores them. Immutable and safe to share between threads.
/// </summary>
public abstract class WeightMatrix : IDisposable
{
    private protected WeightMatrix(int rows, int depth, SimdPath simd)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        Rows = rows;
        Depth = depth;
        Simd = simd;
    }

    /// <summary>Number of rows of B = columns of C.</summary>
    public int Rows { get; }

    /// <summary>Length of the dot products.</summary>
    public int Depth { get; }

    /// <summary>The SIMD path its products take.</summary>
    public SimdPath Simd { get; }

    /// <summary>Bytes of the weights, in memory or in a mapped file.</summary>
    public abstract long Bytes { get; }

    /// <summary>C[m, rows] = A[m, depth] · Bᵀ. Bit-equal for every thread count.</summary>
    /// <param name="a">A, rows <paramref name="aStride"/> floats apart.</param>
    /// <param name="aStride">Floats from one row of A to the next.</param>
    /// <param name="m">Number of rows of A.</param>
    /// <param name="c">C, rows <paramref name="cStride"/> floats apart; overwritten.</param>
    /// <param name="cStride">Floats from one row of C to the next, at least <see cref="Rows"/>.</param>
    /// <param name="threads">Number of threads, at least 1.</param>
    /// <exception cref="ArgumentException">A span is too short for its strides.</exception>
    public void Multiply(ReadOnlySpan<float> a, int aStride, int m, Span<float> c, int cStride, int threads)
    {
        if (m == 0)
        {
            return;
        }
        Check(a, aStride, m, c, cStride, Rows);
        MultiplyChecked(a, aStride, m, c, cStride, threads);
    }

    /// <summary>Whether <see cref="MultiplySwiGlu"/> takes products of <paramref name="m"/> rows.</summary>
    public virtual bool HasSwiGlu(int m) => false;

    /// <summary>
    /// C[m, rows / 2] = g · σ(g) · u (<see cref="SwiGlu"/>), where g are the products with the first half of B's rows and u those with the
    /// second: they do not go through memory. The same bits as both steps one after the other.
    /// </summary>
    /// <param name="a">A, rows <paramref name="aStride"/> floats apart.</param>
    /// <param name="aStride">Floats from one row of A to the next.</param>
    /// <param name="m">Number of rows of A, such that <see cref="HasSwiGlu"/>.</param>
    /// <param name="c">C, rows <paramref name="cStride"/> floats apart; overwritten.</param>
    /// <param name="cStride">Floats from one row of C to the next, at least half of <see cref="Rows"/>.</param>
    /// <param name="threads">Number of threads, at least 1.</param>
    /// <exception cref="ArgumentException">A span is too short for its strides.</exception>
    /// <exception cref="NotSupportedException">Not for so many rows of A, or not at all.</exception>
    public void MultiplySwiGlu(ReadOnlySpan<float> a, int aStride, int m, Span<float> c, int cStride, int threads)
    {
        if (!HasSwiGlu(m))
        {
            throw new NotSupportedException($"no gated product of {m} rows with a [{Rows}, {Depth}] matrix");
        }
        Check(a, aStride, m, c, cStride, Rows / 2);
        MultiplySwiGluChecked(a, aStride, m, c, cStride, threads);
    }

    /// <summary>One row of B as floats, such as the embedding of a token.</summary>
    /// <param name="row">The row.</param>
    /// <param name="values">Receives <see cref="Depth"/> floats.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such row.</exception>
    /// <exception cref="ArgumentException">The span is too short.</exception>
    public void CopyRow(int row, Span<float> values)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(row);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(row, Rows);
        if (values.Length < Depth)
        {
            throw new ArgumentException($"a row of {Depth} does not fit into {values.Length} elements", nameof(values));
        }
        CopyRowChecked(row, values[..Depth]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    private void Check(ReadOnlySpan<float> a, int aStride, int m, Span<float> c, int cStride, int columns)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(m);
        if (aStride < Depth || a.Length < (long)(m - 1) * aStride + Depth)
        {
            throw new ArgumentException($"{m} rows of {Depth} do not fit into {a.Length} elements with stride {aStride}", nameof(a));
        }
        if (cStride < columns || c.Length < (long)(m - 1) * cStride + columns)
        {
            throw new ArgumentException($"{m} rows of {columns} do not fit into {c.Length} elements with stride {cStride}", nameof(c));
        }
    }

    private protected virtual void MultiplySwiGluChecked(ReadOnlySpan<float> a, int aStride, int m, Span<float> c, int cStride, int threads) =>
        throw new NotSupportedException();

    private protected abstract void MultiplyChecked(ReadOnlySpan<float> a, int aStride, int m, Span<float> c, int cStride, int threads);

    private protected abstract void CopyRowChecked(int row, Span<float> values);

    private protected abstract void Dispose(bool disposing);
}
