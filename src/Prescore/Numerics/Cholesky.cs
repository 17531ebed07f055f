using System.Buffers;
using System.Numerics.Tensors;

namespace Prescore.Numerics;

/// <summary>Cholesky factorisation of small dense matrices [d, d], row-major, in place and in double precision.</summary>
internal static class Cholesky
{
    /// <summary>Sum of the diagonal.</summary>
    public static double Trace(ReadOnlySpan<double> matrix, int d)
    {
        double trace = 0;
        for (int i = 0; i < d; i++)
        {
            trace += matrix[i * d + i];
        }
        return trace;
    }

    /// <summary>Adds a ridge to the diagonal.</summary>
    public static void AddRidge(Span<double> matrix, int d, double ridge)
    {
        for (int i = 0; i < d; i++)
        {
            matrix[i * d + i] += ridge;
        }
    }

    /// <summary>
    /// Replaces a symmetric positive definite matrix (the lower triangle is read) by its lower factor L, A = L·Lᵀ, with
    /// zeros above the diagonal.
    /// </summary>
    public static void Factor(Span<double> matrix, int d)
    {
        for (int i = 0; i < d; i++)
        {
            Span<double> row = matrix.Slice(i * d, d);
            for (int j = 0; j < i; j++)
            {
                ReadOnlySpan<double> other = matrix.Slice(j * d, d);
                row[j] = (row[j] - TensorPrimitives.Dot<double>(row[..j], other[..j])) / other[j];
            }
            row[i] = Math.Sqrt(row[i] - TensorPrimitives.SumOfSquares<double>(row[..i]));
            row[(i + 1)..].Clear();
        }
    }

    /// <summary>Replaces a lower factor L by L⁻¹, row by row: row i of L⁻¹ = (eᵢ − Σ_{j&lt;i} L_ij · row j of L⁻¹) / L_ii.</summary>
    public static void InvertFactor(Span<double> factor, int d)
    {
        double[] pooled = ArrayPool<double>.Shared.Rent(d);
        Span<double> sum = pooled.AsSpan(0, d);
        for (int i = 0; i < d; i++)
        {
            Span<double> row = factor.Slice(i * d, d);
            sum.Clear();
            for (int j = 0; j < i; j++)
            {
                TensorPrimitives.MultiplyAdd(factor.Slice(j * d, j + 1), -row[j], sum[..(j + 1)], sum[..(j + 1)]);
            }
            double inverse = 1 / row[i];
            sum[i] = 1;
            TensorPrimitives.Multiply(sum, inverse, row);
        }
        ArrayPool<double>.Shared.Return(pooled);
    }
}
