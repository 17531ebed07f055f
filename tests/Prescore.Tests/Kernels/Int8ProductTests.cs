using Prescore.Kernels;

namespace Prescore.Tests.Kernels;

/// <summary>Products of four-bit weights with activations rounded to bytes.</summary>
public class Int8ProductTests
{
    private static readonly SimdPath[] Paths = [SimdPath.Scalar, SimdPath.Vector256, SimdPath.Vector512];

    public static TheoryData<BlockEncoding> Encodings => [BlockEncoding.Q4_0, BlockEncoding.Q4_1, BlockEncoding.Q4_K];

    [Theory]
    [MemberData(nameof(Encodings))]
    public void Product_equals_that_of_the_rounded_rows(BlockEncoding encoding)
    {
        var random = new Random(20);
        foreach (SimdPath path in Paths)
        {
            foreach ((int m, int rows, int blocks) in new[] { (1, 3, 1), (1, 67, 3), (5, 70, 2), (9, 1, 3), (63, 65, 2), (257, 33, 1) })
            {
                BlockFormat format = NaiveBlocks.Format(encoding);
                int depth = blocks * format.BlockLength;
                byte[] bytes = NaiveBlocks.Draw(encoding, rows * depth, random);
                using var memory = new NativeBytes(bytes);
                using StoredMatrix matrix = Create(memory, rows, depth, encoding, path);
                matrix.Activations.ShouldBe(ActivationPrecision.Int8);
                bool again = m == 1 && encoding == BlockEncoding.Q4_K && path == SimdPath.Vector512 && SimdPaths.IsAccelerated(path);
                MatrixProducts.ShouldMultiply(
                    matrix, NaiveBlocks.Decode(encoding, bytes), m, random,
                    again ? row => BlockExpanderTests.Rounded([.. Rounded(row).Select(value => (float)value)]) : Rounded);
            }
        }
    }

    /// <summary>Longer than what is unpacked at a time.</summary>
    [Theory]
    [MemberData(nameof(Encodings))]
    public void Bits_are_the_same_on_every_path_and_however_rows_are_cut(BlockEncoding encoding)
    {
        const int M = 63, Rows = 70, Depth = 1024 + 512, Cut = 20;
        var random = new Random(21);
        using var memory = new NativeBytes(NaiveBlocks.Draw(encoding, Rows * Depth, random));
        float[] a = [.. Enumerable.Range(0, M * Depth).Select(_ => MathF.Exp(random.NextSingle() * 8) * (random.NextSingle() - 0.5f))];
        float[]? first = null;
        foreach (SimdPath path in Paths)
        {
            using StoredMatrix matrix = Create(memory, Rows, Depth, encoding, path);
            var whole = new float[M * Rows];
            matrix.Multiply(a, Depth, M, whole, Rows, threads: 2);
            (first ??= whole).ShouldBe(whole, $"{path}");
            var parts = new float[M * Rows];
            matrix.Multiply(a, Depth, Cut, parts, Rows, threads: 1);
            matrix.Multiply(a.AsSpan(Cut * Depth), Depth, M - Cut, parts.AsSpan(Cut * Rows), Rows, threads: 2);
            parts.ShouldBe(whole, $"{path}");
        }
    }

    /// <summary>All numbers at their largest: sums in 16 bits must not overflow.</summary>
    [Fact]
    public void The_largest_sums_are_exact()
    {
        const int M = 12, Rows = 64, Depth = 96;
        byte[] block = [.. BitConverter.GetBytes((Half)1), .. BitConverter.GetBytes((Half)0), .. Enumerable.Repeat((byte)0xFF, 16)];
        using var memory = new NativeBytes([.. Enumerable.Repeat(block, Rows * Depth / 32).SelectMany(bytes => bytes)]);
        foreach (SimdPath path in Paths)
        {
            using StoredMatrix matrix = Create(memory, Rows, Depth, BlockEncoding.Q4_1, path);
            foreach (float sign in new[] { 127f, -127f })
            {
                var c = new float[M * Rows];
                matrix.Multiply([.. Enumerable.Repeat(sign, M * Depth)], Depth, M, c, Rows, threads: 1);
                c.ShouldAllBe(value => value == 15 * sign * Depth);
            }
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void What_is_not_finite_stays_so_and_in_its_row(float value)
    {
        const int M = 13, Rows = 20, Depth = 64;
        using var memory = new NativeBytes(NaiveBlocks.Draw(BlockEncoding.Q4_1, Rows * Depth, new Random(22)));
        foreach (SimdPath path in Paths)
        {
            using StoredMatrix matrix = Create(memory, Rows, Depth, BlockEncoding.Q4_1, path);
            float[] a = [.. Enumerable.Repeat(0.5f, M * Depth)];
            a[(7 * Depth) + 40] = value;
            var c = new float[M * Rows];
            matrix.Multiply(a, Depth, M, c, Rows, threads: 1);
            for (int i = 0; i < M; i++)
            {
                c.AsSpan(i * Rows, Rows).ToArray().ShouldAllBe(product => float.IsFinite(product) == (i != 7));
            }
        }
    }

    /// <summary>Rows of zeros, and of numbers whose scale is no normal float.</summary>
    [Fact]
    public void Rows_of_next_to_nothing_have_finite_products()
    {
        const int M = 9, Rows = 5, Depth = 32;
        using var memory = new NativeBytes(NaiveBlocks.Draw(BlockEncoding.Q4_0, Rows * Depth, new Random(23)));
        using StoredMatrix matrix = Create(memory, Rows, Depth, BlockEncoding.Q4_0, SimdPaths.Best);
        foreach (float value in new[] { 0, float.Epsilon, 1e-38f, 1e-30f })
        {
            var c = new float[M * Rows];
            matrix.Multiply([.. Enumerable.Repeat(value, M * Depth)], Depth, M, c, Rows, threads: 1);
            c.ShouldAllBe(product => Math.Abs(product) <= 1e-25f);
        }
    }

    [Fact]
    public void Matrices_with_other_weights_multiply_floats()
    {
        const int Rows = 3, Depth = 256;
        foreach (BlockEncoding encoding in Enum.GetValues<BlockEncoding>().Where(encoding => encoding != BlockEncoding.Other))
        {
            using var memory = new NativeBytes(NaiveBlocks.Draw(encoding, Rows * Depth, new Random(24)));
            using StoredMatrix matrix = Create(memory, Rows, Depth, encoding, SimdPaths.Best);
            matrix.Activations.ShouldBe(Encodings.Any(row => row.Data == encoding) ? ActivationPrecision.Int8 : ActivationPrecision.Float);
        }
        byte[] four = NaiveBlocks.Draw(BlockEncoding.Q4_0, Rows * Depth, new Random(25)), eight = NaiveBlocks.Draw(BlockEncoding.Q8_0, Rows * Depth, new Random(26));
        using var both = new NativeBytes([.. four, .. eight]);
        using StoredMatrix mixed = StoredMatrix.Create(
            Depth, SimdPaths.Best, ActivationPrecision.Int8,
            both.Rows(Rows, NaiveBlocks.Format(BlockEncoding.Q4_0), 0, four.Length), both.Rows(Rows, NaiveBlocks.Format(BlockEncoding.Q8_0), four.Length, eight.Length));
        mixed.Activations.ShouldBe(ActivationPrecision.Float);
    }

    private static StoredMatrix Create(NativeBytes memory, int rows, int depth, BlockEncoding encoding, SimdPath path) =>
        StoredMatrix.Create(depth, path, ActivationPrecision.Int8, memory.Rows(rows, NaiveBlocks.Format(encoding)));

    /// <summary>Every 32 values are multiples of a 127th of the largest magnitude among them.</summary>
    private static double[] Rounded(float[] row)
    {
        var rounded = new double[row.Length];
        for (int i = 0; i < row.Length; i++)
        {
            float largest = row.AsSpan(i / 32 * 32, 32).ToArray().Max(Math.Abs);
            rounded[i] = largest == 0 ? 0 : Math.Round(row[i] * (127 / largest)) * (largest / 127);
        }
        return rounded;
    }
}
