using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using Prescore.Kernels;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Leading eigenvectors of S·M for symmetric positive M and S, by subspace iteration: X ← S·(M·X), made M-orthonormal in
/// the order of columns, so that each column nears one eigenvector. Every number is a chain of fused multiply-adds in a
/// fixed order; vectors run over columns and never sum across. So bits are the same on every machine.
/// </summary>
internal readonly ref struct SubspaceIteration
{
    /// <summary>Columns of a vector. Ranks are multiples of it, so that there are no tails.</summary>
    public const int Step = 4;

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
        (_dimension, _rank, _padded) = (dimension, rank, Pad(dimension));
        memory.Clear();
        int square = _padded * _padded, columns = _padded * rank;
        _m = memory[..square];
        _s = memory.Slice(square, square);
        X = memory.Slice(2 * square, columns);
        Z = memory.Slice(2 * square + columns, columns);
        _y = memory.Slice(2 * square + 2 * columns, columns);
        _g = memory.Slice(2 * square + 3 * columns, rank);
    }

    /// <summary>X [d, r], rows contiguous.</summary>
    public Span<double> X { get; }

    /// <summary>M·X [d, r].</summary>
    public Span<double> Z { get; }

    /// <summary>Numbers that it works on.</summary>
    public static int Size(int dimension, int rank) => Pad(dimension) * (2 * Pad(dimension) + 3 * rank) + rank;

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
                X[l * _rank + c] = CounterRandom.Uniform(CounterRandom.Hash(0, 0, c, l, RandomStream.SketchStart)) - 0.5;
            }
        }
    }

    /// <summary>Sets X to given columns [d, r], of any length.</summary>
    public void StartAt(ReadOnlySpan<float> columns)
    {
        for (int i = 0; i < columns.Length; i++)
        {
            X[i] = columns[i];
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
    public void Variances(Span<double> variances)
    {
        Multiply(_s, Z, _y);
        ColumnProducts(Z, _y, variances);
    }

    private static int Pad(int dimension) => (dimension + TileRows - 1) / TileRows * TileRows;

    private static Span<Vector256<double>> Vectors(Span<double> numbers) => MemoryMarshal.Cast<double, Vector256<double>>(numbers);

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
        int width = _rank / Step;
        ReadOnlySpan<Vector256<double>> source = Vectors(from);
        Span<Vector256<double>> target = Vectors(to);
        for (int row = 0; row < _padded; row += TileRows)
        {
            for (int column = 0; column < width; column++)
            {
                Vector256<double> s0 = default, s1 = default, s2 = default, s3 = default;
                Vector256<double> s4 = default, s5 = default, s6 = default, s7 = default;
                for (int k = 0; k < _dimension; k++)
                {
                    Vector256<double> x = source[k * width + column];
                    ReadOnlySpan<double> m = matrix.Slice(k * _padded + row, TileRows);
                    s0 = Vector256.FusedMultiplyAdd(Vector256.Create(m[0]), x, s0);
                    s1 = Vector256.FusedMultiplyAdd(Vector256.Create(m[1]), x, s1);
                    s2 = Vector256.FusedMultiplyAdd(Vector256.Create(m[2]), x, s2);
                    s3 = Vector256.FusedMultiplyAdd(Vector256.Create(m[3]), x, s3);
                    s4 = Vector256.FusedMultiplyAdd(Vector256.Create(m[4]), x, s4);
                    s5 = Vector256.FusedMultiplyAdd(Vector256.Create(m[5]), x, s5);
                    s6 = Vector256.FusedMultiplyAdd(Vector256.Create(m[6]), x, s6);
                    s7 = Vector256.FusedMultiplyAdd(Vector256.Create(m[7]), x, s7);
                }
                int at = row * width + column;
                target[at] = s0;
                target[at + width] = s1;
                target[at + 2 * width] = s2;
                target[at + 3 * width] = s3;
                target[at + 4 * width] = s4;
                target[at + 5 * width] = s5;
                target[at + 6 * width] = s6;
                target[at + 7 * width] = s7;
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
        int width = _rank / Step;
        ReadOnlySpan<Vector256<double>> left = Vectors(a), right = Vectors(b);
        for (int j = 0; j < width; j++)
        {
            Vector256<double> sum = default;
            for (int l = 0; l < _dimension; l++)
            {
                sum = Vector256.FusedMultiplyAdd(left[l * width + j], right[l * width + j], sum);
            }
            Vectors(products)[j] = sum;
        }
    }

    /// <summary>g[j] = z_c·x_j for the columns j from c on.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void ProductsWith(int c)
    {
        int width = _rank / Step;
        ReadOnlySpan<Vector256<double>> x = Vectors(X);
        Span<Vector256<double>> g = Vectors(_g);
        for (int j = c / Step; j < width; j++)
        {
            Vector256<double> sum = default;
            for (int l = 0; l < _dimension; l++)
            {
                sum = Vector256.FusedMultiplyAdd(Vector256.Create(Z[l * _rank + c]), x[l * width + j], sum);
            }
            g[j] = sum;
        }
    }

    /// <summary>Scales column c to length 1 and subtracts its share from the later ones.</summary>
    private void TakeOut(int c, double scale)
    {
        int width = _rank / Step, first = c / Step;
        // g is the product with the column before it is scaled; earlier columns and c itself keep theirs.
        _g.Slice(first * Step, c - first * Step + 1).Clear();
        Span<Vector256<double>> g = Vectors(_g)[first..];
        foreach (ref Vector256<double> coefficient in g)
        {
            coefficient *= -scale;
        }
        Subtract(Vectors(X), X, c, scale, g, first, width);
        Subtract(Vectors(Z), Z, c, scale, g, first, width);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private void Subtract(
        Span<Vector256<double>> vectors, Span<double> numbers, int c, double scale, ReadOnlySpan<Vector256<double>> g, int first, int width)
    {
        for (int l = 0; l < _dimension; l++)
        {
            double scaled = scale * numbers[l * _rank + c];
            Vector256<double> column = Vector256.Create(scaled);
            Span<Vector256<double>> row = vectors.Slice(l * width + first, g.Length);
            for (int j = 0; j < row.Length; j++)
            {
                row[j] = Vector256.FusedMultiplyAdd(column, g[j], row[j]);
            }
            numbers[l * _rank + c] = scaled;
        }
    }

    private void ClearColumn(int c)
    {
        for (int l = 0; l < _dimension; l++)
        {
            X[l * _rank + c] = Z[l * _rank + c] = 0;
        }
    }
}
