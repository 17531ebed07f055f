namespace Prescore.Kernels;

/// <summary>
/// A matrix B [rows, depth] packed once for repeated products C[m, rows] = A[m, depth] · Bᵀ: the linear layers'
/// weights (rows = outputs) or the centroids of a clustering.
/// </summary>
public sealed class PackedMatrix
{
    private readonly float[] _rows;

    private PackedMatrix(float[] rows, int count, int depth, SimdPath simd)
    {
        _rows = rows;
        Rows = count;
        Depth = depth;
        Simd = simd;
    }

    /// <summary>Number of rows of B = columns of C.</summary>
    public int Rows { get; }

    /// <summary>Length of the dot products.</summary>
    public int Depth { get; }

    /// <summary>The SIMD path it was packed for.</summary>
    public SimdPath Simd { get; }

    /// <summary>Packs dense row-major rows [rows, depth].</summary>
    public static PackedMatrix Pack(ReadOnlySpan<float> matrix, int rows, int depth, SimdPath simd) =>
        new(matrix[..(rows * depth)].ToArray(), rows, depth, simd);

    /// <summary>C[m, rows] = A[m, depth] · Bᵀ. Bit-equal for every thread count.</summary>
    /// <param name="a">A, rows <paramref name="aStride"/> floats apart.</param>
    /// <param name="aStride">Floats from one row of A to the next.</param>
    /// <param name="m">Number of rows of A.</param>
    /// <param name="c">C, rows <paramref name="cStride"/> floats apart; overwritten.</param>
    /// <param name="cStride">Floats from one row of C to the next.</param>
    /// <param name="threads">Number of threads, at least 1.</param>
    public void Multiply(ReadOnlySpan<float> a, int aStride, int m, Span<float> c, int cStride, int threads)
    {
        for (int i = 0; i < m; i++)
        {
            for (int j = 0; j < Rows; j++)
            {
                c[i * cStride + j] = System.Numerics.Tensors.TensorPrimitives.Dot(
                    a.Slice(i * aStride, Depth), _rows.AsSpan(j * Depth, Depth));
            }
        }
    }
}
