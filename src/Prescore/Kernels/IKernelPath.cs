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

    /// <summary>Number of elements above a threshold; <paramref name="count"/> may be any number.</summary>
    static abstract int CountAbove(float* row, float threshold, nint count);

    /// <summary>Writes the indices of the elements above a threshold in ascending order and returns how many they are.</summary>
    static abstract int CollectAbove(float* row, float threshold, nint count, int* indices);

    /// <summary>Sum and largest of the first elements of a row, readable up to a whole vector; <paramref name="count"/> may be any number.</summary>
    static abstract void SumMax(float* row, nint count, out float sum, out float largest);

    /// <summary>
    /// row[i] = e^(row[i] − maximum) − less, returning their sum; <paramref name="count"/> may be any number. What lies
    /// behind is read and written back up to a whole vector, and keeps its value.
    /// </summary>
    static abstract float ExpLess(float* row, float maximum, float less, nint count);

    /// <summary>
    /// products[i] = query · keys[indices[i]]; rows are <paramref name="stride"/> floats, a multiple of 16. There is room
    /// for a multiple of 4 products: those beyond the last are arbitrary.
    /// </summary>
    static abstract void DotRows(float* query, float* keys, nint stride, int* indices, int count, float* products);

    /// <summary>
    /// output += firstWeight · first + Σ weights[i] · values[indices[i]] over one panel: rows of PanelWidth floats, in order.
    /// </summary>
    static abstract void AddRows(float* values, int* indices, float* weights, int count, float* output, float* first, float firstWeight);

    /// <summary>
    /// Finds the rows that a cluster may have members for: with least = ⌈(thresholds[i] − logits[i] − offset) · perSteps[i]⌉,
    /// clamped to <see cref="SketchLayout.AnyProduct"/> … int.MaxValue, those where it is at most 0 or, squared as a float, at
    /// most Σ bands[b · stride + i] · radii[b]. A threshold that is not a number is never reached. Every path gives the same.
    /// All rows are readable up to a whole vector.
    /// </summary>
    /// <param name="logits">Logits of the cluster's mean key.</param>
    /// <param name="offset">What is added to them.</param>
    /// <param name="thresholds">Smallest logit of each row's members.</param>
    /// <param name="perSteps">Sketch products a logit.</param>
    /// <param name="bands">The rows' squared norms by band, a band after the other.</param>
    /// <param name="stride">Distance of the bands.</param>
    /// <param name="radii">The cluster's squared radius in each band.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="rows">Receives the rows, ascending; room for whole vectors.</param>
    /// <param name="least">Receives their least products; the same room.</param>
    /// <returns>How many rows were found.</returns>
    static abstract int CollectReaching(
        float* logits, double offset, double* thresholds, double* perSteps, float* bands, nint stride, float* radii, int count, int* rows, int* least);

    /// <summary>Whether every element is finite; <paramref name="count"/> may be any number.</summary>
    static abstract bool AllFinite(float* row, nint count);

    /// <summary>
    /// Writes the keys whose sketch has an integer dot product Σ query · code of at least a threshold with the query's,
    /// in ascending order, and returns how many they are. Every path gives the same. See <see cref="SketchLayout"/>.
    /// </summary>
    /// <param name="codes">Sketches, readable up to a whole group; what lies beyond the last key does not matter.</param>
    /// <param name="count">Number of keys; any.</param>
    /// <param name="quads">Quads of coordinates.</param>
    /// <param name="query">
    /// One int a quad: four signed bytes, the first one lowest. They are so small
    /// that sums over all quads fit in 16 bits.
    /// </param>
    /// <param name="threshold">Smallest product to report.</param>
    /// <param name="indices">Receives the keys; room for whole groups.</param>
    /// <param name="dots">Receives their products, with the same room; or null.</param>
    static abstract int Screen(byte* codes, int count, int quads, int* query, int threshold, int* indices, int* dots);

    /// <summary>
    /// Writes 8 rows of a row-major matrix as 8 neighbouring columns of a panel: panel[l·PanelWidth + j] = rows[j][l]
    /// for l &lt; depth rounded up to 8 (rows are readable and the panel is writable that far) .
    /// </summary>
    static abstract void Transpose8(float** rows, nint depth, float* panel);
}
