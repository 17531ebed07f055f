namespace Prescore.Kernels;

/// <summary>
/// The inner loops that every kernel is made of, one implementation a SIMD path. All of them work on whole tiles:
/// buffers are padded by their owners, so no implementation has a remainder loop.
/// </summary>
internal unsafe interface IKernelPath
{
    /// <summary>Width of a packed panel (columns of the register tile); a multiple of <see cref="Lanes"/>.</summary>
    static abstract int PanelWidth { get; }

    /// <summary>Floats in one vector. Row operations are given counts that are multiples of it.</summary>
    static abstract int Lanes { get; }

    /// <summary>
    /// C[6, PanelWidth] = A[6, depth] · B[depth, PanelWidth], or += where <paramref name="accumulate"/> is set. Each
    /// element is one chain of fused multiply-adds in order of depth, so its bits do not depend on the tile it is in.
    /// </summary>
    /// <param name="a">A, rows <paramref name="aStride"/> floats apart.</param>
    /// <param name="aStride">Floats between the rows of A.</param>
    /// <param name="b">One packed panel, dense.</param>
    /// <param name="depth">Length of the dot products.</param>
    /// <param name="c">C, rows <paramref name="cStride"/> floats apart.</param>
    /// <param name="cStride">Floats between the rows of C.</param>
    /// <param name="accumulate">Whether to add to C.</param>
    static abstract void Multiply(float* a, nint aStride, float* b, nint depth, float* c, nint cStride, bool accumulate);

    /// <summary>
    /// The same without accumulation for the first <paramref name="columns"/> (1 … PanelWidth) columns of the panel; what
    /// it writes beyond them is arbitrary. Short lists of keys fill panels badly: this spares the empty vectors.
    /// </summary>
    static abstract void MultiplyColumns(float* a, nint aStride, float* b, nint depth, float* c, nint cStride, nint columns);

    /// <summary>
    /// The same without accumulation for the first <paramref name="rows"/> (1 … 6) rows, with the same bits; what it writes to
    /// the others is arbitrary. With few rows reading B is what takes time, so that a path may ask for
    /// <paramref name="next"/>, as large a panel that is read afterwards, on the way.
    /// </summary>
    static abstract void MultiplyFew(float* a, nint aStride, nint rows, float* b, float* next, nint depth, float* c, nint cStride);

    /// <summary>Σ x[i] · y[i].</summary>
    static abstract float Dot(float* x, float* y, nint count);

    /// <summary>row[i] += bias[i].</summary>
    static abstract void Add(float* row, float* bias, nint count);

    /// <summary>row[i] *= factor.</summary>
    static abstract void Scale(float* row, float factor, nint count);

    /// <summary>Largest element.</summary>
    static abstract float Max(float* row, nint count);

    /// <summary>row[i] = e^(row[i] − maximum), returning their sum. Elements are at most <paramref name="maximum"/>.</summary>
    static abstract float ExpSum(float* row, float maximum, nint count);

    /// <summary><see cref="Max"/> of four rows, <paramref name="stride"/> floats apart.</summary>
    static abstract void MaxFour(float* rows, nint stride, nint count, float* maxima);

    /// <summary><see cref="ExpSum"/> of four rows, <paramref name="stride"/> floats apart, with the same bits; sums are added to <paramref name="sums"/>.</summary>
    static abstract void ExpFour(float* rows, nint stride, nint count, float* maxima, float* sums);

    /// <summary>Whether every element is finite; <paramref name="count"/> may be any number.</summary>
    static abstract bool AllFinite(float* row, nint count);

    /// <summary>
    /// Writes 8 rows of a row-major matrix as 8 neighbouring columns of a panel: panel[l·PanelWidth + j] = rows[j][l]
    /// for l &lt; depth rounded up to 8 (rows are readable and the panel is writable that far) .
    /// </summary>
    static abstract void Transpose8(float** rows, nint depth, float* panel);
}
