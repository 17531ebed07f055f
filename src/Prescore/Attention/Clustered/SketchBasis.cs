using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Turns a key, relative to its cluster's centre, into r short codes whose product with the query's coordinates is near
/// query·key. With M = E[q qᵀ] and S = E[x xᵀ] the rank-r qᵀx ≈ (Aᵀq)·(Bᵀx) of least mean squared error has the leading
/// eigenvectors of S·M as A and B = M·A. Steps of codes are folded in: 63 steps are 4.5 deviations of a coordinate.
/// </summary>
internal sealed class SketchBasis
{
    /// <summary>Deviations that codes reach to; what is beyond is clamped, and is rare.</summary>
    private const double Reach = 4.5;

    /// <summary>Share of M's mean diagonal added to it: a few queries do not span the space that later ones will.</summary>
    private const double Ridge = 1e-4;

    /// <summary>How often the square of what clamping takes away counts besides.</summary>
    private const float LostWeight = 8;

    private const int ColdSteps = 12;

    /// <summary>Moments change little from fit to fit, so that an earlier basis is nearly there.</summary>
    private const int WarmSteps = 2;

    /// <summary>Rows that are projected together.</summary>
    private const int RowsTogether = 4;

    private const int Lanes = 16;

    private readonly float[] _keys;
    private readonly float[] _queries;
    private readonly float[] _variances;

    private SketchBasis(int dimension, int rank)
    {
        (Dimension, Rank) = (dimension, rank);
        _keys = new float[dimension * rank];
        Stride = (rank + Lanes - 1) / Lanes * Lanes;
        _queries = new float[dimension * rank];
        _variances = new float[Stride];
    }

    /// <summary>Rank rounded up to whole vectors: coordinates and codes lie so far apart, with zeros behind the rank.</summary>
    public int Stride { get; }

    /// <summary>
    /// Variance of each coordinate [stride], relative to the others', 0 for columns of zeros: a squared code times it is, up to one
    /// factor, the mean square over queries of what the coordinate adds to a logit.
    /// </summary>
    public ReadOnlySpan<float> Variances => _variances;

    /// <summary>Bytes held.</summary>
    public long Bytes => sizeof(float) * (long)(_keys.Length + _queries.Length + _variances.Length);

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
        ArgumentOutOfRangeException.ThrowIfNotEqual(rank % 4, 0, nameof(rank));
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

    /// <summary>coordinates [n, stride] = keys·Keys.</summary>
    /// <param name="keys">Keys [n, d].</param>
    /// <param name="coordinates">Receives the coordinates.</param>
    public void KeyCoordinates(ReadOnlySpan<float> keys, Span<float> coordinates) => Project(_keys, keys, coordinates);

    /// <summary>coordinates [n, stride] = queries·Queries.</summary>
    /// <param name="queries">Queries [n, d].</param>
    /// <param name="coordinates">Receives the coordinates.</param>
    public void QueryCoordinates(ReadOnlySpan<float> queries, Span<float> coordinates) => Project(_queries, queries, coordinates);

    /// <summary>Codes of coordinates relative to an anchor's: rounded half to even, and clamped. NaN becomes 0.</summary>
    /// <param name="coordinates">Coordinates [stride].</param>
    /// <param name="anchor">What they are relative to [stride].</param>
    /// <param name="code">Receives the code [stride].</param>
    /// <returns>
    /// Squared length of what is coded, each coordinate by its variance; what clamping takes away counts more: keys that their sketch
    /// misrepresents are to start clusters.
    /// </returns>
    public float Encode(ReadOnlySpan<float> coordinates, ReadOnlySpan<float> anchor, Span<sbyte> code)
    {
        Vector512<float> largest = Vector512.Create((float)SketchTile.LargestCode), sum = default;
        for (int c = 0; c < Stride; c += Lanes)
        {
            Vector512<float> relative = Vector512.Create(coordinates[c..]) - Vector512.Create(anchor[c..]);
            relative = Vector512.ConditionalSelect(Vector512.Equals(relative, relative), relative, Vector512<float>.Zero);
            Vector512<float> kept = Vector512.MinNative(Vector512.MaxNative(relative, -largest), largest), lost = relative - kept;
            Vector512<float> square = Vector512.FusedMultiplyAdd(lost * lost, Vector512.Create(LostWeight), relative * relative);
            sum = Vector512.FusedMultiplyAdd(square, Vector512.Create(_variances.AsSpan(c)), sum);
            Vector512<int> whole = Vector512.ConvertToInt32(Vector512.Round(kept));
            Vector256<short> words = Vector256.Narrow(whole.GetLower(), whole.GetUpper());
            Vector128.Narrow(words.GetLower(), words.GetUpper()).CopyTo(code[c..]);
        }
        return Vector512.Sum(sum);
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
        Span<double> variances = new double[iteration.Stride];
        iteration.Variances(variances);
        for (int c = 0; c < Rank; c++)
        {
            double step = deviation * Math.Sqrt(variances[c]) * (Reach / SketchTile.LargestCode);
            bool use = step > 0 && IsFinite(iteration.Z, iteration.Stride, c, 1 / step) && IsFinite(iteration.X, iteration.Stride, c, step);
            for (int l = 0; l < Dimension; l++)
            {
                int at = l * Rank + c, from = l * iteration.Stride + c;
                _keys[at] = use ? (float)(iteration.Z[from] / step) : 0;
                _queries[at] = use ? (float)(iteration.X[from] * step) : 0;
            }
            _variances[c] = use ? (float)variances[c] : 0;
            Columns += use ? 1 : 0;
        }
    }

    /// <summary>Whether a column, scaled, is one of finite floats.</summary>
    private bool IsFinite(ReadOnlySpan<double> columns, int stride, int c, double scale)
    {
        for (int l = 0; l < Dimension; l++)
        {
            if (!float.IsFinite((float)(columns[l * stride + c] * scale)))
            {
                return false;
            }
        }
        return true;
    }

    private void Project(float[] matrix, ReadOnlySpan<float> rows, Span<float> coordinates)
    {
        int count = rows.Length / Dimension;
        ArgumentOutOfRangeException.ThrowIfNotEqual(rows.Length, count * Dimension);
        ArgumentOutOfRangeException.ThrowIfLessThan(coordinates.Length, count * Stride);
        for (int row = 0; row < count; row += RowsTogether)
        {
            // Beyond the last row it is taken again.
            int last = count - 1 - row;
            int r1 = Math.Min(1, last), r2 = Math.Min(2, last), r3 = Math.Min(3, last);
            ReadOnlySpan<float> x = rows[(row * Dimension)..];
            Span<float> to = coordinates[(row * Stride)..];
            ProjectFour(
                matrix,
                x[..Dimension], x.Slice(r1 * Dimension, Dimension), x.Slice(r2 * Dimension, Dimension), x.Slice(r3 * Dimension, Dimension),
                to[..Stride], to.Slice(r1 * Stride, Stride), to.Slice(r2 * Stride, Stride), to.Slice(r3 * Stride, Stride));
        }
    }

    /// <summary>
    /// Every coordinate is a chain of multiply-adds over l in order, so bits do not depend on the width of vectors or on how
    /// rows come together. Eight chains side by side: fewer would wait for each other's sums.
    /// </summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ProjectFour(
        float[] matrix,
        ReadOnlySpan<float> x0, ReadOnlySpan<float> x1, ReadOnlySpan<float> x2, ReadOnlySpan<float> x3,
        Span<float> y0, Span<float> y1, Span<float> y2, Span<float> y3)
    {
        int c = 0;
        ref float a0 = ref MemoryMarshal.GetReference(x0), a1 = ref MemoryMarshal.GetReference(x1);
        ref float a2 = ref MemoryMarshal.GetReference(x2), a3 = ref MemoryMarshal.GetReference(x3);
        for (; c + 32 <= Rank; c += 32)
        {
            Vector512<float> s00 = default, s01 = default, s10 = default, s11 = default;
            Vector512<float> s20 = default, s21 = default, s30 = default, s31 = default;
            ref float row = ref matrix[c];
            for (int l = 0; l < x0.Length; l++)
            {
                Vector512<float> m0 = Vector512.LoadUnsafe(ref row), m1 = Vector512.LoadUnsafe(ref row, 16);
                Vector512<float> v0 = Vector512.Create(Unsafe.Add(ref a0, l)), v1 = Vector512.Create(Unsafe.Add(ref a1, l));
                Vector512<float> v2 = Vector512.Create(Unsafe.Add(ref a2, l)), v3 = Vector512.Create(Unsafe.Add(ref a3, l));
                s00 = Vector512.FusedMultiplyAdd(v0, m0, s00);
                s01 = Vector512.FusedMultiplyAdd(v0, m1, s01);
                s10 = Vector512.FusedMultiplyAdd(v1, m0, s10);
                s11 = Vector512.FusedMultiplyAdd(v1, m1, s11);
                s20 = Vector512.FusedMultiplyAdd(v2, m0, s20);
                s21 = Vector512.FusedMultiplyAdd(v2, m1, s21);
                s30 = Vector512.FusedMultiplyAdd(v3, m0, s30);
                s31 = Vector512.FusedMultiplyAdd(v3, m1, s31);
                row = ref Unsafe.Add(ref row, Rank);
            }
            s00.CopyTo(y0[c..]);
            s01.CopyTo(y0[(c + 16)..]);
            s10.CopyTo(y1[c..]);
            s11.CopyTo(y1[(c + 16)..]);
            s20.CopyTo(y2[c..]);
            s21.CopyTo(y2[(c + 16)..]);
            s30.CopyTo(y3[c..]);
            s31.CopyTo(y3[(c + 16)..]);
        }
        for (; c < Rank; c += 4)
        {
            Vector128<float> s0 = default, s1 = default, s2 = default, s3 = default;
            for (int l = 0; l < x0.Length; l++)
            {
                Vector128<float> m = Vector128.Create(matrix.AsSpan(l * Rank + c, 4));
                s0 = Vector128.FusedMultiplyAdd(Vector128.Create(x0[l]), m, s0);
                s1 = Vector128.FusedMultiplyAdd(Vector128.Create(x1[l]), m, s1);
                s2 = Vector128.FusedMultiplyAdd(Vector128.Create(x2[l]), m, s2);
                s3 = Vector128.FusedMultiplyAdd(Vector128.Create(x3[l]), m, s3);
            }
            s0.CopyTo(y0[c..]);
            s1.CopyTo(y1[c..]);
            s2.CopyTo(y2[c..]);
            s3.CopyTo(y3[c..]);
        }
        y0[Rank..].Clear();
        y1[Rank..].Clear();
        y2[Rank..].Clear();
        y3[Rank..].Clear();
    }
}
