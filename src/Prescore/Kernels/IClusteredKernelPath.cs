namespace Prescore.Kernels;

/// <summary>
/// The inner loops of Clustered attention that differ by SIMD path, beside those of <see cref="IKernelPath"/>. All that is
/// done with whole numbers is the same on every path.
/// </summary>
internal unsafe interface IClusteredKernelPath : IKernelPath
{
    /// <summary>
    /// Compares a tile of sketches (<see cref="SketchTile"/>) with some rows' and appends the numbers of the keys found to
    /// the rows' lists, in order of lanes.
    /// </summary>
    /// <param name="tile">The tile.</param>
    /// <param name="pairs">Pairs of coordinates.</param>
    /// <param name="candidates">Rows to compare with: row · 2^16 + the row's least product, 16 bits.</param>
    /// <param name="count">Number of candidates.</param>
    /// <param name="queries">Sketches of all rows, <see cref="SketchTile.QueryBytes"/> each.</param>
    /// <param name="lists">The rows' lists; there is room for a tile behind each one's end.</param>
    /// <param name="listStride">Distance of the lists.</param>
    /// <param name="counts">Lengths of the lists.</param>
    /// <param name="products">Receives the products beside the numbers, or null.</param>
    /// <returns>How many keys were found in all.</returns>
    static abstract int ScreenTile(
        byte* tile, int pairs, int* candidates, int count, byte* queries, ushort* lists, nint listStride, int* counts, short* products);

    /// <summary>
    /// logits[i] = step · scales[2i] · Σ query·key − maximum of the keys in a list, and their running sums: sums[i + 1] is up
    /// to and with i. The list is readable, and logits and sums are writable, 16 entries beyond the end.
    /// </summary>
    /// <param name="list">Numbers of the keys; behind its end 16 valid ones.</param>
    /// <param name="count">Number of keys.</param>
    /// <param name="query">Codes of the query.</param>
    /// <param name="stride">Codes of a key, a multiple of 32.</param>
    /// <param name="step">What a unit of the query's codes is worth.</param>
    /// <param name="maximum">What is subtracted.</param>
    /// <param name="keys">Codes of all keys.</param>
    /// <param name="scales">Scales of the keys in the list, two floats each.</param>
    /// <param name="logits">Receives the logits.</param>
    /// <param name="sums">Receives the running sums.</param>
    /// <returns>The largest logit.</returns>
    static abstract float SelectedLogits(
        ushort* list, int count, short* query, nint stride, float step, float maximum, short* keys, float* scales, float* logits, float* sums);

    /// <summary>output += Σ weights[i] · value of the keys in a list, in order.</summary>
    /// <param name="list">Numbers of the keys; readable one entry beyond the end, a valid one.</param>
    /// <param name="count">Number of keys.</param>
    /// <param name="weights">Their weights, their values' scales included; 0 behind the end.</param>
    /// <param name="values">Codes of all values.</param>
    /// <param name="stride">Codes of a value, a multiple of 32.</param>
    /// <param name="output">What to add to [stride].</param>
    static abstract void AddSelected(ushort* list, int count, float* weights, short* values, nint stride, float* output);
}
