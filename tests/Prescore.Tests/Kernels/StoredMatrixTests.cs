using Prescore.Kernels;

namespace Prescore.Tests.Kernels;

public class StoredMatrixTests
{
    /// <summary>A format without a vectorised expansion: halves of signed bytes, in blocks of four.</summary>
    private static readonly BlockFormat Halves = new(BlockEncoding.Other, 4, 4, (blocks, values) =>
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = (sbyte)blocks[i] / 2f;
        }
    });

    public static TheoryData<SimdPath> Paths => [SimdPath.Scalar, SimdPath.Vector256, SimdPath.Vector512];

    [Theory]
    [MemberData(nameof(Paths))]
    public void Product_equals_that_of_the_decoded_weights(SimdPath path)
    {
        var random = new Random(3);
        foreach ((int m, int rows, int depth) in new[] { (1, 1, 4), (1, 65, 60), (5, 16, 64), (8, 17, 300), (9, 70, 516), (63, 100, 576), (400, 257, 68) })
        {
            var bytes = new byte[rows * depth];
            random.NextBytes(bytes);
            float[] weights = [.. bytes.Select(value => (sbyte)value / 2f)];
            using var memory = new NativeBytes(bytes);
            using StoredMatrix matrix = StoredMatrix.Create(depth, path, memory.Rows(rows, Halves));
            MatrixProducts.ShouldMultiply(matrix, weights, m, random);
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Parts_of_several_formats_are_one_matrix(SimdPath path)
    {
        var random = new Random(4);
        const int Depth = 36;
        var bytes = new byte[70 * Depth];
        random.NextBytes(bytes);
        var doubled = new BlockFormat(BlockEncoding.Other, 1, 1, (blocks, values) =>
        {
            for (int i = 0; i < values.Length; i++)
            {
                values[i] = 2f * blocks[i];
            }
        });
        using var memory = new NativeBytes(bytes);
        using StoredMatrix matrix = StoredMatrix.Create(
            Depth, path, memory.Rows(41, Halves, 0, 41 * Depth), memory.Rows(10, doubled, 60 * Depth, 10 * Depth), memory.Rows(25, Halves, 30 * Depth, 25 * Depth));
        float[] weights =
        [
            .. bytes.Take(41 * Depth).Select(value => (sbyte)value / 2f),
            .. bytes.Skip(60 * Depth).Select(value => 2f * value),
            .. bytes.Skip(30 * Depth).Take(25 * Depth).Select(value => (sbyte)value / 2f),
        ];
        matrix.Rows.ShouldBe(76);
        matrix.Bytes.ShouldBe(76 * Depth);
        MatrixProducts.ShouldMultiply(matrix, weights, 3, random);
        MatrixProducts.ShouldMultiply(matrix, weights, 20, random);
    }

    [Fact]
    public void Memory_lives_as_long_as_the_matrix()
    {
        var memory = new NativeBytes([2, 4, 6, 8]);
        StoredMatrix matrix = StoredMatrix.Create(4, SimdPath.Scalar, memory.Rows(1, Halves));
        memory.Dispose();
        memory.IsFreed.ShouldBeFalse();
        var row = new float[4];
        matrix.CopyRow(0, row);
        row.ShouldBe([1, 2, 3, 4]);
        matrix.Dispose();
        memory.IsFreed.ShouldBeTrue();
        Should.Throw<ObjectDisposedException>(() => matrix.Multiply(new float[4], 4, 1, new float[1], 1, 1));
        Should.Throw<ObjectDisposedException>(() => matrix.CopyRow(0, row));
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void The_first_row_that_is_not_finite_is_found(SimdPath path)
    {
        const int Depth = 96, Rows = 50;
        BlockFormat format = NaiveBlocks.Format(BlockEncoding.Q8_0);
        foreach (BlockFormat either in new[] { format, format with { HalfScales = [0] } })
        {
            byte[] bytes = NaiveBlocks.Draw(BlockEncoding.Q8_0, Rows * Depth, new Random(5));
            FindIn(bytes, either).ShouldBe(-1);
            foreach (int row in new[] { 44, 31 })
            {
                // The scale of the row's last block.
                BitConverter.TryWriteBytes(bytes.AsSpan((3 * row + 2) * 34), row == 31 ? Half.NaN : Half.NegativeInfinity);
                FindIn(bytes, either).ShouldBe(row);
            }
        }

        int FindIn(byte[] blocks, BlockFormat stored)
        {
            using var memory = new NativeBytes(blocks);
            using StoredMatrix matrix = StoredMatrix.Create(Depth, path, memory.Rows(Rows, stored));
            return matrix.FindNonFinite(threads: 2);
        }
    }

    [Fact]
    public void Bad_sizes_are_refused()
    {
        using var memory = new NativeBytes(new byte[16]);
        Should.Throw<ArgumentException>(() => StoredMatrix.Create(6, SimdPath.Scalar, memory.Rows(1, Halves)));
        Should.Throw<ArgumentException>(() => StoredMatrix.Create(4, SimdPath.Scalar, memory.Rows(5, Halves)));
        Should.Throw<ArgumentException>(() => StoredMatrix.Create(4, SimdPath.Scalar, memory.Rows(3, Halves)));
        Should.Throw<ArgumentException>(() => StoredMatrix.Create(4, SimdPath.Scalar));
        using StoredMatrix matrix = StoredMatrix.Create(4, SimdPath.Scalar, memory.Rows(4, Halves));
        Should.Throw<ArgumentOutOfRangeException>(() => matrix.CopyRow(4, new float[4]));
        Should.Throw<ArgumentException>(() => matrix.CopyRow(0, new float[3]));
    }
}
