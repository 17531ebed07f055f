using Prescore.Kernels;

namespace Prescore.Tests.Kernels;

public class BlockExpanderTests
{
    public static TheoryData<BlockEncoding, SimdPath> Cases
    {
        get
        {
            var cases = new TheoryData<BlockEncoding, SimdPath>();
            foreach (BlockEncoding encoding in Enum.GetValues<BlockEncoding>().Where(encoding => encoding != BlockEncoding.Other))
            {
                foreach (SimdPath path in Enum.GetValues<SimdPath>())
                {
                    cases.Add(encoding, path);
                }
            }
            return cases;
        }
    }

    [Theory]
    [InlineData(SimdPath.Vector256)]
    [InlineData(SimdPath.Vector512)]
    public void Every_16_bit_float_is_widened(SimdPath path)
    {
        const int Patterns = 1 << 16;
        var halves = new byte[2 * Patterns];
        for (int bits = 0; bits < Patterns; bits++)
        {
            BitConverter.TryWriteBytes(halves.AsSpan(2 * bits), (ushort)bits);
        }
        using var memory = new NativeBytes(halves);
        using StoredMatrix matrix = StoredMatrix.Create(Patterns, path, memory.Rows(1, NaiveBlocks.Format(BlockEncoding.F16)));
        var values = new float[Patterns];
        matrix.CopyRow(0, values);
        for (int bits = 0; bits < Patterns; bits++)
        {
            float expected = (float)BitConverter.UInt16BitsToHalf((ushort)bits);
            // Payloads of NaN may differ.
            values[bits].ShouldBe(expected, $"half {bits:x4}");
            float.IsNegative(values[bits]).ShouldBe(float.IsNegative(expected), $"half {bits:x4}");
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Product_equals_that_of_the_values(BlockEncoding encoding, SimdPath path)
    {
        var random = new Random(10);
        BlockFormat format = NaiveBlocks.Format(encoding);
        foreach ((int m, int rows, int blocks) in new[] { (1, 3, 1), (1, 67, 3), (2, 9, 5), (5, 70, 2), (30, 65, 3) })
        {
            int depth = format.BlockLength == 1 ? 32 * blocks + 5 : blocks * format.BlockLength;
            byte[] bytes = NaiveBlocks.Draw(encoding, rows * depth, random);
            using var memory = new NativeBytes(bytes);
            using StoredMatrix matrix = StoredMatrix.Create(depth, path, memory.Rows(rows, format));
            bool rounds = m == 1 && path == SimdPath.Vector512 && SimdPaths.IsAccelerated(path)
                && encoding is BlockEncoding.Q4_K or BlockEncoding.Q5_K or BlockEncoding.Q6_K;
            MatrixProducts.ShouldMultiply(matrix, NaiveBlocks.Decode(encoding, bytes), m, random, rounds ? Rounded : null);
        }
    }

    /// <summary>Products with a single row that is all zero, has one huge element, or one that is not a number.</summary>
    [Theory]
    [InlineData(BlockEncoding.Q4_K)]
    [InlineData(BlockEncoding.Q5_K)]
    [InlineData(BlockEncoding.Q6_K)]
    public void Rounded_rows_of_extremes_have_their_products(BlockEncoding encoding)
    {
        const int Depth = 512, Rows = 3;
        byte[] bytes = NaiveBlocks.Draw(encoding, Rows * Depth, new Random(12));
        float[] weights = NaiveBlocks.Decode(encoding, bytes);
        using var memory = new NativeBytes(bytes);
        using StoredMatrix matrix = StoredMatrix.Create(Depth, SimdPath.Vector512, memory.Rows(Rows, NaiveBlocks.Format(encoding)));
        var row = new float[Depth];
        var products = new float[Rows];
        matrix.Multiply(row, Depth, 1, products, Rows, threads: 1);
        products.ShouldAllBe(product => product == 0);

        row[300] = -1e30f;
        matrix.Multiply(row, Depth, 1, products, Rows, threads: 1);
        for (int i = 0; i < Rows; i++)
        {
            products[i].ShouldBe(-1e30f * weights[i * Depth + 300], 1e30f * 1e-5f * weights.Max(Math.Abs));
        }
        row[7] = float.NaN;
        matrix.Multiply(row, Depth, 1, products, Rows, threads: 1);
        products.ShouldAllBe(product => float.IsNaN(product));
    }

    /// <summary>Every 256 values are multiples of a 32767th of the largest magnitude among them.</summary>
    internal static double[] Rounded(float[] row)
    {
        var rounded = new double[row.Length];
        for (int i = 0; i < row.Length; i++)
        {
            double step = row.AsSpan(i / 256 * 256, 256).ToArray().Max(Math.Abs) / (double)short.MaxValue;
            rounded[i] = step == 0 ? 0 : Math.Round(row[i] / step) * step;
        }
        return rounded;
    }
}
