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

    [Theory]
    [InlineData(BlockEncoding.Q4_1, ActivationPrecision.Float)]
    [InlineData(BlockEncoding.Q4_1, ActivationPrecision.Int8)]
    [InlineData(BlockEncoding.Q8_0, ActivationPrecision.Float)]
    public void Gated_products_have_the_bits_of_both_steps(BlockEncoding encoding, ActivationPrecision activations)
    {
        var random = new Random(6);
        foreach (SimdPath path in new[] { SimdPath.Scalar, SimdPath.Vector256, SimdPath.Vector512 })
        {
            foreach ((int m, int rows, int depth) in new[] { (9, 128, 32), (70, 640, 288), (400, 256, 320) })
            {
                using var memory = new NativeBytes(NaiveBlocks.Draw(encoding, rows * depth, random));
                using StoredMatrix matrix = StoredMatrix.Create(depth, path, activations, memory.Rows(rows, NaiveBlocks.Format(encoding)));
                float[] a = [.. Enumerable.Range(0, m * depth).Select(_ => random.NextSingle() * 6 - 3)];
                var both = new float[m * rows];
                matrix.Multiply(a, depth, m, both, rows, threads: 1);
                int half = rows / 2, stride = half + 3;
                float[] gated = [.. Enumerable.Repeat(float.NaN, m * stride)];
                matrix.HasSwiGlu(m).ShouldBeTrue();
                matrix.MultiplySwiGlu(a, depth, m, gated, stride, threads: 2);
                for (int i = 0; i < m; i++)
                {
                    Span<float> gate = both.AsSpan(i * rows, half);
                    SwiGlu.Apply(gate, both.AsSpan(i * rows + half, half));
                    gated.AsSpan(i * stride, half).SequenceEqual(gate).ShouldBeTrue($"{path} {m} × {rows}, row {i}");
                    gated.AsSpan(i * stride + half, 3).ToArray().ShouldAllBe(gap => float.IsNaN(gap));
                }
            }
        }
    }

    [Fact]
    public void Gated_products_are_refused_where_halves_are_no_whole_panels()
    {
        using var memory = new NativeBytes(new byte[4 * 96]);
        using StoredMatrix matrix = StoredMatrix.Create(4, SimdPath.Scalar, memory.Rows(96, Halves)), odd = StoredMatrix.Create(4, SimdPath.Vector512, memory.Rows(96, Halves));
        matrix.HasSwiGlu(8).ShouldBeFalse();
        odd.HasSwiGlu(20).ShouldBeFalse();
        Should.Throw<NotSupportedException>(() => odd.MultiplySwiGlu(new float[80], 4, 20, new float[20 * 48], 48, 1));
        Should.Throw<ArgumentException>(() => matrix.MultiplySwiGlu(new float[80], 4, 20, new float[20 * 48], 47, 1));
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
