using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Turns a key, relative to its cluster's centre, into r short codes whose product with the query's coordinates is near
/// query·key. With M = E[q qᵀ] and S = E[x xᵀ] the rank-r qᵀx ≈ (Aᵀq)·(Bᵀx) of least mean squared error has the leading
/// eigenvectors of S·M as A and B = M·A. Steps of codes are folded in: 15 steps are 4.5 deviations of a coordinate.
/// </summary>
internal sealed class SketchBasis
{
    /// <summary>Deviations that codes reach to; what is beyond is clamped, and is rare.</summary>
    private const double Reach = 4.5;

    /// <summary>Share of M's mean diagonal added to it: a few queries do not span the space that later ones will.</summary>
    private const double Ridge = 1e-4;

    private const int ColdSteps = 12;

    /// <summary>Moments change little from fit to fit, so that an earlier basis is nearly there.</summary>
    private const int WarmSteps = 2;

    /// <summary>Rows of a register tile.</summary>
    private const int TileRows = 6;

    private readonly float[] _keys;
    private readonly float[] _keyRows;
    private readonly float[] _queries;

    private SketchBasis(int dimension, int rank)
    {
        (Dimension, Rank) = (dimension, rank);
        _keys = new float[dimension * rank];
        PaddedRank = (rank + TileRows - 1) / TileRows * TileRows;
        _keyRows = new float[PaddedRank * dimension];
        _queries = new float[dimension * rank];
    }

    /// <summary>Rank rounded up to whole register tiles.</summary>
    public int PaddedRank { get; }

    /// <summary>Transposed <see cref="Keys"/> [padded rank, d], rows beyond the rank 0: for many keys at once.</summary>
    public ReadOnlySpan<float> KeyRows => _keyRows;

    /// <summary>Length d of keys and queries.</summary>
    public int Dimension { get; }

    /// <summary>Number r of coordinates.</summary>
    public int Rank { get; }

    /// <summary>Number of columns that are not zero.</summary>
    public int Columns { get; private set; }

    /// <summary>B [d, r] with column c divided by the step of its codes.</summary>
    public ReadOnlySpan<float> Keys => _keys;

    /// <summary>A [d, r] with column c multiplied by the step of its codes.</summary>
    public ReadOnlySpan<float> Queries => _queries;

    /// <summary>
    /// The best basis, in descending order of what a coordinate tells. Only the shape of M matters. An M that is zero or
    /// not finite counts as I; an S that is zero or not finite gives a basis of zeros.
    /// </summary>
    /// <param name="queryMoment">M [d, d], symmetric.</param>
    /// <param name="keyCovariance">S [d, d], symmetric.</param>
    /// <param name="dimension">d.</param>
    /// <param name="rank">r, a positive multiple of 4; columns beyond d are zero.</param>
    /// <param name="start">A basis of the same size for similar moments, if there is one.</param>
    public static SketchBasis Fit(ReadOnlySpan<double> queryMoment, ReadOnlySpan<double> keyCovariance, int dimension, int rank, SketchBasis? start)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(dimension);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(rank);
        ArgumentOutOfRangeException.ThrowIfNotEqual(rank % SubspaceIteration.Step, 0, nameof(rank));
        ArgumentOutOfRangeException.ThrowIfNotEqual(queryMoment.Length, dimension * dimension, nameof(queryMoment));
        ArgumentOutOfRangeException.ThrowIfNotEqual(keyCovariance.Length, dimension * dimension, nameof(keyCovariance));
        if (start is not null && (start.Dimension, start.Rank) != (dimension, rank))
        {
            throw new ArgumentException("a basis of another size", nameof(start));
        }
        var basis = new SketchBasis(dimension, rank);
        double variance = MeanDiagonal(keyCovariance, dimension);
        if (variance > 0)
        {
            double[] pooled = ArrayPool<double>.Shared.Rent(SubspaceIteration.Size(dimension, rank));
            var iteration = new SubspaceIteration(dimension, rank, pooled);
            // Both have mean diagonal 1 from here on, so that nothing over- or underflows.
            double moment = MeanDiagonal(queryMoment, dimension);
            if (moment > 0)
            {
                iteration.SetM(queryMoment, 1 / moment, Ridge);
            }
            else
            {
                iteration.SetM([], scale: 0, diagonal: 1);
            }
            iteration.SetS(keyCovariance, 1 / variance);
            basis.Solve(iteration, Math.Sqrt(variance), start);
            ArrayPool<double>.Shared.Return(pooled);
        }
        return basis;
    }

    /// <summary>coordinates [r] = Keysᵀ·key.</summary>
    public void KeyCoordinates(ReadOnlySpan<float> key, Span<float> coordinates) => Project(_keys, key, coordinates);

    /// <summary>coordinates [r] = Queriesᵀ·query.</summary>
    public void QueryCoordinates(ReadOnlySpan<float> query, Span<float> coordinates) => Project(_queries, query, coordinates);

    /// <summary>Codes of coordinates relative to an anchor's: rounded half to even, and clamped. NaN becomes 0.</summary>
    public static void Encode(ReadOnlySpan<float> coordinates, ReadOnlySpan<float> anchor, Span<sbyte> code)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(anchor.Length, coordinates.Length);
        ArgumentOutOfRangeException.ThrowIfNotEqual(code.Length, coordinates.Length);
        for (int c = 0; c < coordinates.Length; c++)
        {
            float rounded = MathF.Round(coordinates[c] - anchor[c]);
            code[c] = float.IsNaN(rounded) ? (sbyte)0 : (sbyte)Math.Clamp(rounded, -KeySketches.LargestCode, KeySketches.LargestCode);
        }
    }

    /// <summary>Mean diagonal of a moment; 0 where it is of no use: not finite, or too small to divide by.</summary>
    private static double MeanDiagonal(ReadOnlySpan<double> matrix, int dimension)
    {
        foreach (double entry in matrix)
        {
            if (!double.IsFinite(entry))
            {
                return 0;
            }
        }
        double mean = 0;
        for (int l = 0; l < dimension; l++)
        {
            mean += matrix[l * dimension + l] / dimension;
        }
        return mean > 0 && double.IsNormal(mean) ? mean : 0;
    }

    private void Solve(SubspaceIteration iteration, double deviation, SketchBasis? start)
    {
        int full = Math.Min(Rank, Dimension);
        if (start?.Columns == full)
        {
            iteration.StartAt(start._queries);
            iteration.Run(WarmSteps);
            Take(iteration, deviation);
        }
        // Zero columns stay zero, and keys may have turned to where an earlier basis sees nothing.
        if (Columns < full)
        {
            iteration.StartCold();
            iteration.Run(ColdSteps);
            Take(iteration, deviation);
        }
    }

    /// <summary>Sets the columns. Zᵀ·S·Z has the variances of key coordinates on its diagonal.</summary>
    private void Take(SubspaceIteration iteration, double deviation)
    {
        Columns = 0;
        Span<double> variances = new double[Rank];
        iteration.Variances(variances);
        for (int c = 0; c < Rank; c++)
        {
            double step = deviation * Math.Sqrt(variances[c]) * (Reach / KeySketches.LargestCode);
            bool use = step > 0 && IsFinite(iteration.Z, c, 1 / step) && IsFinite(iteration.X, c, step);
            for (int l = 0; l < Dimension; l++)
            {
                int at = l * Rank + c;
                _keys[at] = use ? (float)(iteration.Z[at] / step) : 0;
                _keyRows[c * Dimension + l] = _keys[at];
                _queries[at] = use ? (float)(iteration.X[at] * step) : 0;
            }
            Columns += use ? 1 : 0;
        }
    }

    /// <summary>Whether a column, scaled, is one of finite floats.</summary>
    private bool IsFinite(ReadOnlySpan<double> columns, int c, double scale)
    {
        for (int l = 0; l < Dimension; l++)
        {
            if (!float.IsFinite((float)(columns[l * Rank + c] * scale)))
            {
                return false;
            }
        }
        return true;
    }

    /// <summary>Every coordinate is a chain of multiply-adds over l in order, so bits do not depend on the width of vectors.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Project(float[] matrix, ReadOnlySpan<float> x, Span<float> coordinates)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(x.Length, Dimension);
        ArgumentOutOfRangeException.ThrowIfNotEqual(coordinates.Length, Rank);
        int c = 0;
        // Four chains side by side: one alone would wait for each sum.
        for (; c + 32 <= Rank; c += 32)
        {
            Vector256<float> s0 = default, s1 = default, s2 = default, s3 = default;
            for (int l = 0; l < x.Length; l++)
            {
                Vector256<float> factor = Vector256.Create(x[l]);
                ReadOnlySpan<float> row = matrix.AsSpan(l * Rank + c, 32);
                s0 = Vector256.FusedMultiplyAdd(factor, Vector256.Create(row), s0);
                s1 = Vector256.FusedMultiplyAdd(factor, Vector256.Create(row[8..]), s1);
                s2 = Vector256.FusedMultiplyAdd(factor, Vector256.Create(row[16..]), s2);
                s3 = Vector256.FusedMultiplyAdd(factor, Vector256.Create(row[24..]), s3);
            }
            s0.CopyTo(coordinates[c..]);
            s1.CopyTo(coordinates[(c + 8)..]);
            s2.CopyTo(coordinates[(c + 16)..]);
            s3.CopyTo(coordinates[(c + 24)..]);
        }
        for (; c < Rank; c += 4)
        {
            Vector128<float> sum = default;
            for (int l = 0; l < x.Length; l++)
            {
                sum = Vector128.FusedMultiplyAdd(Vector128.Create(x[l]), Vector128.Create(matrix.AsSpan(l * Rank + c, 4)), sum);
            }
            sum.CopyTo(coordinates[c..]);
        }
    }
}
