using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Prescore.Numerics;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Leading eigenvectors of S·M for symmetric positive M and S, by subspace iteration: X ← S·(M·X), made M-orthonormal in
/// the order of columns, so that each column nears one eigenvector. Every number is a chain of fused multiply-adds in a
/// fixed order; vectors run over columns and never sum across. So bits are the same on every machine.
/// </summary>
internal readonly ref struct SubspaceIteration
{
    /// <summary>Columns of two vectors, which are worked on together; columns are padded to it with zeros, which stay zeros.</summary>
    private const int Step = 16;

    /// <summary>Vectors of a <see cref="Step"/>.</summary>
    private const int Pair = 2;

    /// <summary>Rows of the register tile; matrices are padded to it with zeros.</summary>
    private const int TileRows = 8;

    /// <summary>
    /// Columns whose squared norm is less than this share of the largest are noise. Norms near eigenvalues, which are
    /// mean squares of coordinates: at 1e-10 of the largest they are worth nothing, and rounding stays below 1e-12.
    /// </summary>
    private const double Negligible = 1e-20;

    private readonly int _dimension;
    private readonly int _padded;
    private readonly int _rank;
    private readonly int _width;
    private readonly Span<double> _m;
    private readonly Span<double> _s;
    private readonly Span<double> _y;
    private readonly Span<double> _g;

    /// <summary>Takes its memory; M and S are to be set.</summary>
    /// <param name="dimension">Size d of M and S.</param>
    /// <param name="rank">Columns r of X.</param>
    /// <param name="memory">At least <see cref="Size"/> numbers; cleared here.</param>
    public SubspaceIteration(int dimension, int rank, Span<double> memory)
    {
        (_dimension, _rank, _padded, Stride) = (dimension, rank, Pad(dimension, TileRows), Pad(rank, Step));
        _width = Stride / Step * Pair;
        memory.Clear();
        int square = _padded * _padded, columns = _padded * Stride;
        _m = memory[..square];
        _s = memory.Slice(square, square);
        X = memory.Slice(2 * square, columns);
        Z = memory.Slice(2 * square + columns, columns);
        _y = memory.Slice(2 * square + 2 * columns, columns);
        _g = memory.Slice(2 * square + 3 * columns, Stride);
    }

    /// <summary>Numbers from one row of X or Z to the next.</summary>
    public int Stride { get; }

    /// <summary>X [d, stride], of which r columns count.</summary>
    public Span<double> X { get; }

    /// <summary>M·X [d, stride].</summary>
    public Span<double> Z { get; }

    /// <summary>Numbers that it works on.</summary>
    public static int Size(int dimension, int rank) =>
        Pad(dimension, TileRows) * (2 * Pad(dimension, TileRows) + 3 * Pad(rank, Step)) + Pad(rank, Step);

    /// <summary>M = scale·matrix + diagonal·I; an empty matrix counts as zero.</summary>
    public void SetM(ReadOnlySpan<double> matrix, double scale, double diagonal)
    {
        Set(matrix, scale, _m);
        for (int l = 0; l < _dimension; l++)
        {
            _m[l * _padded + l] += diagonal;
        }
    }

    /// <summary>S = scale·matrix.</summary>
    public void SetS(ReadOnlySpan<double> matrix, double scale) => Set(matrix, scale, _s);

    /// <summary>Sets X to numbers that favour no direction; columns beyond d are zero and stay so.</summary>
    public void StartCold()
    {
        X.Clear();
        int columns = Math.Min(_rank, _dimension);
        for (int l = 0; l < _dimension; l++)
        {
            for (int c = 0; c < columns; c++)
            {
                // Uniform, as no logarithm or cosine of the machine is in it.
                X[l * Stride + c] = CounterRandom.Uniform(CounterRandom.Hash(0, 0, c, l, RandomStream.SketchStart)) - 0.5;
            }
        }
    }

    /// <summary>Sets X to given columns [d, r], of any norm.</summary>
    public void StartAt(ReadOnlySpan<float> columns)
    {
        for (int l = 0; l < _dimension; l++)
        {
            for (int c = 0; c < _rank; c++)
            {
                X[l * Stride + c] = columns[l * _rank + c];
            }
        }
    }

    /// <summary>
    /// Runs some steps, one at least. Afterwards XᵀMX = I but for columns of no worth, which are zero, and Z = M·X. On the
    /// way columns need only be kept apart; the second pass of the last step takes away what rounding left of the first.
    /// </summary>
    public void Run(int steps)
    {
        Multiply(_m, X, Z);
        for (int step = 0; step < steps; step++)
        {
            Multiply(_s, Z, _y);
            _y.CopyTo(X);
            Orthonormalise();
        }
        Orthonormalise();
    }

    /// <summary>zᵀSz of every column z of Z.</summary>
    /// <param name="variances">Receives a number a column [stride].</param>
    public void Variances(Span<double> variances)
    {
        Multiply(_s, Z, _y);
        ColumnProducts(Z, _y, variances);
    }

    private static int Pad(int count, int step) => (count + step - 1) / step * step;

    private static Span<Vector512<double>> Vectors(Span<double> numbers) => MemoryMarshal.Cast<double, Vector512<double>>(numbers);

    private void Set(ReadOnlySpan<double> matrix, double scale, Span<double> target)
    {
        for (int row = 0; row * _dimension < matrix.Length; row++)
        {
            ReadOnlySpan<double> from = matrix.Slice(row * _dimension, _dimension);
            Span<double> to = target.Slice(row * _padded, from.Length);
            for (int l = 0; l < from.Length; l++)
            {
                to[l] = scale * from[l];
            }
        }
    }

    /// <summary>to = matrix·from. The matrix is symmetric: a tile reads its columns, which are contiguous as rows.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Multiply(ReadOnlySpan<double> matrix, Span<double> from, Span<double> to)
    {
        ReadOnlySpan<Vector512<double>> source = Vectors(from);
        Span<Vector512<double>> target = Vectors(to);
        for (int row = 0; row < _padded; row += TileRows)
        {
            for (int column = 0; column < _width; column += Pair)
            {
                Vector512<double> s00 = default, s01 = default, s10 = default, s11 = default, s20 = default, s21 = default, s30 = default, s31 = default;
                Vector512<double> s40 = default, s41 = default, s50 = default, s51 = default, s60 = default, s61 = default, s70 = default, s71 = default;
                for (int k = 0; k < _dimension; k++)
                {
                    Vector512<double> x0 = source[k * _width + column], x1 = source[k * _width + column + 1];
                    ReadOnlySpan<double> m = matrix.Slice(k * _padded + row, TileRows);
                    s00 = Vector512.FusedMultiplyAdd(Vector512.Create(m[0]), x0, s00);
                    s01 = Vector512.FusedMultiplyAdd(Vector512.Create(m[0]), x1, s01);
                    s10 = Vector512.FusedMultiplyAdd(Vector512.Create(m[1]), x0, s10);
                    s11 = Vector512.FusedMultiplyAdd(Vector512.Create(m[1]), x1, s11);
                    s20 = Vector512.FusedMultiplyAdd(Vector512.Create(m[2]), x0, s20);
                    s21 = Vector512.FusedMultiplyAdd(Vector512.Create(m[2]), x1, s21);
                    s30 = Vector512.FusedMultiplyAdd(Vector512.Create(m[3]), x0, s30);
                    s31 = Vector512.FusedMultiplyAdd(Vector512.Create(m[3]), x1, s31);
                    s40 = Vector512.FusedMultiplyAdd(Vector512.Create(m[4]), x0, s40);
                    s41 = Vector512.FusedMultiplyAdd(Vector512.Create(m[4]), x1, s41);
                    s50 = Vector512.FusedMultiplyAdd(Vector512.Create(m[5]), x0, s50);
                    s51 = Vector512.FusedMultiplyAdd(Vector512.Create(m[5]), x1, s51);
                    s60 = Vector512.FusedMultiplyAdd(Vector512.Create(m[6]), x0, s60);
                    s61 = Vector512.FusedMultiplyAdd(Vector512.Create(m[6]), x1, s61);
                    s70 = Vector512.FusedMultiplyAdd(Vector512.Create(m[7]), x0, s70);
                    s71 = Vector512.FusedMultiplyAdd(Vector512.Create(m[7]), x1, s71);
                }
                int at = row * _width + column;
                (target[at], target[at + 1]) = (s00, s01);
                (target[at + _width], target[at + _width + 1]) = (s10, s11);
                (target[at + 2 * _width], target[at + 2 * _width + 1]) = (s20, s21);
                (target[at + 3 * _width], target[at + 3 * _width + 1]) = (s30, s31);
                (target[at + 4 * _width], target[at + 4 * _width + 1]) = (s40, s41);
                (target[at + 5 * _width], target[at + 5 * _width + 1]) = (s50, s51);
                (target[at + 6 * _width], target[at + 6 * _width + 1]) = (s60, s61);
                (target[at + 7 * _width], target[at + 7 * _width + 1]) = (s70, s71);
            }
        }
    }

    /// <summary>
    /// Makes X M-orthonormal and Z = M·X, by modified Gram-Schmidt: a column that is done is at once taken out of all later
    /// ones, in X and Z alike.
    /// </summary>
    private void Orthonormalise()
    {
        Multiply(_m, X, Z);
        double least = Negligible * LargestSquaredNorm();
        for (int c = 0; c < _rank; c++)
        {
            ProductsWith(c);
            double squaredNorm = _g[c];
            // Also false where it is not a number.
            if (squaredNorm > least)
            {
                TakeOut(c, 1 / Math.Sqrt(squaredNorm));
            }
            else
            {
                ClearColumn(c);
            }
        }
    }

    private double LargestSquaredNorm()
    {
        ColumnProducts(X, Z, _g);
        double largest = 0;
        foreach (double squaredNorm in _g)
        {
            largest = squaredNorm > largest ? squaredNorm : largest;
        }
        return largest;
    }

    /// <summary>products[j] = a_j·b_j of every column j.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ColumnProducts(Span<double> a, Span<double> b, Span<double> products)
    {
        ReadOnlySpan<Vector512<double>> left = Vectors(a), right = Vectors(b);
        Span<Vector512<double>> target = Vectors(products);
        for (int j = 0; j < _width; j += Pair)
        {
            Vector512<double> s0 = default, s1 = default;
            for (int at = j; at < _dimension * _width; at += _width)
            {
                s0 = Vector512.FusedMultiplyAdd(left[at], right[at], s0);
                s1 = Vector512.FusedMultiplyAdd(left[at + 1], right[at + 1], s1);
            }
            (target[j], target[j + 1]) = (s0, s1);
        }
    }

    /// <summary>g[j] = z_c·x_j for the columns j from c's <see cref="Step"/> on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ProductsWith(int c)
    {
        ReadOnlySpan<Vector512<double>> x = Vectors(X);
        Span<Vector512<double>> g = Vectors(_g);
        for (int j = c / Step * Pair; j < _width; j += Pair)
        {
            Vector512<double> s0 = default, s1 = default;
            for (int l = 0; l < _dimension; l++)
            {
                Vector512<double> z = Vector512.Create(Z[l * Stride + c]);
                s0 = Vector512.FusedMultiplyAdd(z, x[l * _width + j], s0);
                s1 = Vector512.FusedMultiplyAdd(z, x[l * _width + j + 1], s1);
            }
            (g[j], g[j + 1]) = (s0, s1);
        }
    }

    /// <summary>Scales column c to length 1 and subtracts its share from the later ones.</summary>
    private void TakeOut(int c, double scale)
    {
        int first = c / Step * Pair;
        // g is the product with the column before it is scaled; earlier columns and c itself keep theirs.
        _g.Slice(c / Step * Step, c % Step + 1).Clear();
        Span<Vector512<double>> g = Vectors(_g)[first..];
        foreach (ref Vector512<double> coefficient in g)
        {
            coefficient *= -scale;
        }
        Subtract(X, c, scale, g, first);
        Subtract(Z, c, scale, g, first);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Subtract(Span<double> numbers, int c, double scale, ReadOnlySpan<Vector512<double>> g, int first)
    {
        Span<Vector512<double>> vectors = Vectors(numbers);
        for (int l = 0; l < _dimension; l++)
        {
            double scaled = scale * numbers[l * Stride + c];
            Vector512<double> column = Vector512.Create(scaled);
            Span<Vector512<double>> row = vectors.Slice(l * _width + first, g.Length);
            for (int j = 0; j < row.Length; j++)
            {
                row[j] = Vector512.FusedMultiplyAdd(column, g[j], row[j]);
            }
            numbers[l * Stride + c] = scaled;
        }
    }

    private void ClearColumn(int c)
    {
        for (int l = 0; l < _dimension; l++)
        {
            X[l * Stride + c] = Z[l * Stride + c] = 0;
        }
    }
}
