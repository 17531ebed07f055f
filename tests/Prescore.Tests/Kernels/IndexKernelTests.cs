using CsCheck;
using Prescore.Kernels;
using Prescore.Numerics;

namespace Prescore.Tests.Kernels;

/// <summary>The kernel parts that the index is made of.</summary>
public class IndexKernelTests
{
    public static TheoryData<SimdPath> Paths => [SimdPath.Scalar, SimdPath.Vector256, SimdPath.Vector512];

    [Fact]
    public void Top_indices_are_the_naive_ones_with_ties_to_the_lower_index() =>
        // Few distinct values: most rows have ties at the edge.
        Gen.Select(Gen.Int[-3, 3].Array[1, 150], Gen.Int[0, 160], Gen.Double[-8, 3], Gen.Bool).Sample((levels, wanted, power, plain) =>
        {
            var random = new Random(levels.Length);
            // Behind the row lies what must not be counted.
            float[] row = [.. levels.Select(level => (float)(Math.Pow(10, power) * (plain ? level : level + random.NextDouble()))), .. Enumerable.Repeat(1e9f, 16)];
            int[] expected = [.. Enumerable.Range(0, levels.Length).OrderByDescending(i => row[i]).ThenBy(i => i).Take(wanted).Order()];
            // Nothing is written beyond the indices that were asked for.
            int[] indices = [.. Enumerable.Repeat(-7, expected.Length + 1)];
            TopIndices.Select(row.AsSpan(0, levels.Length), indices.AsSpan(0, expected.Length));
            indices.ShouldBe([.. expected, -7]);
        }, iter: 300);

    [Fact]
    public void Top_indices_of_rows_with_a_removed_element()
    {
        float[] row = [.. Enumerable.Range(0, 100).Select(i => i == 40 ? float.NegativeInfinity : -1e-3f * i)];
        foreach (int wanted in new[] { 1, 47, 99 })
        {
            var indices = new int[wanted];
            TopIndices.Select(row, indices);
            indices.ShouldBe(Enumerable.Range(0, 100).Where(i => i != 40).Take(wanted));
        }
    }

    [Fact]
    public void Top_indices_of_rows_that_overflowed_are_as_many_as_wanted()
    {
        foreach (float bad in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            foreach (int wanted in new[] { 1, 5, 39 })
            {
                float[] row = [.. Enumerable.Range(0, 40).Select(i => i < 30 ? bad : i)];
                var indices = new int[wanted];
                TopIndices.Select(row, indices);
                indices.ShouldBe(indices.Distinct().Order());
                indices.ShouldAllBe(index => index >= 0 && index < 40);
                if (bad == float.NegativeInfinity && wanted == 5)
                {
                    indices.ShouldBe([35, 36, 37, 38, 39]);
                }
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(15)]
    [InlineData(16)]
    [InlineData(65)]
    public void Double_sums_are_those_of_double_arithmetic_and_can_be_taken_back(int length)
    {
        var random = new Random(length);
        float[] row = [.. Enumerable.Range(0, length).Select(_ => (float)random.NextDouble() * 100 - 50)];
        double[] start = [.. Enumerable.Range(0, length + 1).Select(_ => random.NextDouble())];
        double[] sum = [.. start];
        DoubleSum.Add(row, 0.3, sum);
        for (int i = 0; i < length; i++)
        {
            sum[i].ShouldBe(start[i] + row[i] * 0.3, 1e-14);
        }
        sum[length].ShouldBe(start[length]);
        DoubleSum.Add(row, -0.3, sum);
        sum.Zip(start, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(1e-13);
        Should.Throw<ArgumentOutOfRangeException>(() => DoubleSum.Add(row, 1, new double[length - 1]));
    }
}
