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
    [MemberData(nameof(Cases))]
    public unsafe void Values_are_those_of_the_layout(BlockEncoding encoding, SimdPath path)
    {
        BlockFormat format = NaiveBlocks.Format(encoding);
        int count = format.BlockLength == 1 ? 237 : 7 * format.BlockLength;
        byte[] blocks = NaiveBlocks.Draw(encoding, count, new Random(9));
        float[] expected = NaiveBlocks.Decode(encoding, blocks);
        var values = new float[count + 1];
        values[count] = 77;
        fixed (byte* from = blocks)
        fixed (float* to = values)
        {
            BlockExpanders.For(format, path)(from, to, count);
        }
        values[count].ShouldBe(77);
        // One rounding where a multiplication and an addition are fused.
        values.AsSpan(0, count).ToArray().ShouldBe(expected);
    }

    [Theory]
    [InlineData(SimdPath.Vector256)]
    [InlineData(SimdPath.Vector512)]
    public unsafe void Every_16_bit_float_is_widened(SimdPath path)
    {
        var halves = new ushort[1 << 16];
        for (int bits = 0; bits < halves.Length; bits++)
        {
            halves[bits] = (ushort)bits;
        }
        var values = new float[halves.Length];
        fixed (ushort* from = halves)
        fixed (float* to = values)
        {
            BlockExpanders.For(NaiveBlocks.Format(BlockEncoding.F16), path)((byte*)from, to, values.Length);
        }
        for (int bits = 0; bits < halves.Length; bits++)
        {
            // Payloads of NaN may differ.
            values[bits].ShouldBe((float)BitConverter.UInt16BitsToHalf((ushort)bits), $"half {bits:x4}");
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
            using StoredMatrix matrix = StoredMatrix.Create(depth, path, new StoredRows(memory, 0, rows, format));
            MatrixProducts.ShouldMultiply(matrix, NaiveBlocks.Decode(encoding, bytes), m, random);
        }
    }
}
