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
            MatrixProducts.ShouldMultiply(matrix, NaiveBlocks.Decode(encoding, bytes), m, random);
        }
    }
}
