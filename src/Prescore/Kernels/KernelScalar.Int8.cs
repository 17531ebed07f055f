namespace Prescore.Kernels;

/// <summary>Products with activations of eight bits.</summary>
internal readonly unsafe partial struct KernelScalar : IInt8KernelPath
{
    public static void MultiplyInt8(sbyte* a, float* factors, byte* b, float* scales, float* minimums, nint blocks, float* c, bool accumulate) =>
        MultiplyInt8(a, factors, b, scales, minimums, blocks, c, accumulate, PanelWidth);

    /// <summary>The same for panels of any width: what wider paths do on a processor that does not run them.</summary>
    internal static void MultiplyInt8(sbyte* a, float* factors, byte* b, float* scales, float* minimums, nint blocks, float* c, bool accumulate, int width)
    {
        const int Rows = Int8Tiles.TileRows, Word = Int8Activations.WordLength;
        if (!accumulate)
        {
            new Span<float>(c, Rows * width).Clear();
        }
        for (nint block = 0; block < blocks; block++)
        {
            for (int row = 0; row < Rows; row++)
            {
                for (int column = 0; column < width; column++)
                {
                    int sum = 0;
                    for (int i = 0; i < Int8Activations.BlockLength; i++)
                    {
                        (int word, int at) = (i / Word, i % Word);
                        sum += a[(word * Rows + row) * Word + at] * b[(word * width + column) * Word + at];
                    }
                    float product = MathF.FusedMultiplyAdd(sum, scales[column] * factors[row], c[row * width + column]);
                    c[row * width + column] = MathF.FusedMultiplyAdd(minimums[column], factors[Int8Tiles.Sums + row], product);
                }
            }
            a += Int8Tiles.NumberBytes;
            factors += Int8Tiles.Factors;
            b += (nint)width * Int8Activations.BlockLength;
            scales += width;
            minimums += width;
        }
    }
}
