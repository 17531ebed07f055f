namespace Prescore.Kernels;

/// <summary>
/// A matrix B [rows, depth] for repeated products C[m, rows] = A[m, depth] · Bᵀ, whatever its storage: fp32 panels
/// (<see cref="PackedMatrix"/>) or quantised blocks. Immutable and safe to share between threads.
/// </summary>
public abstract class WeightMatrix : IDisposable
{
    private protected WeightMatrix(int rows, int depth)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        Rows = rows;
        Depth = depth;
    }

    /// <summary>Number of rows of B = columns of C.</summary>
    public int Rows { get; }

    /// <summary>Length of the dot products.</summary>
    public int Depth { get; }

    /// <summary>The SIMD path of the products.</summary>
    public abstract SimdPath Simd { get; }

    /// <summary>Bytes held in memory; a mapped file's pages are not counted.</summary>
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
        ArgumentOutOfRangeException.ThrowIfNegative(m);
        if (aStride < Depth || a.Length < (long)(m - 1) * aStride + Depth)
        {
            throw new ArgumentException($"{m} rows of {Depth} do not fit into {a.Length} elements with stride {aStride}", nameof(a));
        }
        if (cStride < Rows || c.Length < (long)(m - 1) * cStride + Rows)
        {
            throw new ArgumentException($"{m} rows of {Rows} do not fit into {c.Length} elements with stride {cStride}", nameof(c));
        }
        MultiplyChecked(a, aStride, m, c, cStride, threads);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Dispose(true);
        GC.SuppressFinalize(this);
    }

    private protected abstract void MultiplyChecked(ReadOnlySpan<float> a, int aStride, int m, Span<float> c, int cStride, int threads);

    private protected abstract void Dispose(bool disposing);
}
