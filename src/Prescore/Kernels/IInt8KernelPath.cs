namespace Prescore.Kernels;

/// <summary>The product of four-bit weights with activations of eight bits, beside those of <see cref="IKernelPath"/>.</summary>
internal unsafe interface IInt8KernelPath : IKernelPath
{
    /// <summary>
    /// C[6, PanelWidth] of one tile and one panel. Of every block of 32 values the numbers' products are summed exactly and
    /// then c = fma(sum, scale · scale, c), c = fma(minimum, sum of activations, c), block after block: the same bits on every path.
    /// </summary>
    /// <param name="a">The tile's numbers, blocks of [8 words, 6 rows, 4] (<see cref="Int8Tiles"/>).</param>
    /// <param name="factors">Blocks of the tile's scales and sums.</param>
    /// <param name="b">The panel's numbers, 0 … 15, blocks of [8 words, PanelWidth columns, 4].</param>
    /// <param name="scales">The panel's scales, blocks of [PanelWidth].</param>
    /// <param name="minimums">The panel's minimums, blocks of [PanelWidth].</param>
    /// <param name="blocks">Number of blocks.</param>
    /// <param name="c">C, dense.</param>
    /// <param name="accumulate">Whether to go on from C, as if its blocks came before.</param>
    static abstract void MultiplyInt8(sbyte* a, float* factors, byte* b, float* scales, float* minimums, nint blocks, float* c, bool accumulate);
}
