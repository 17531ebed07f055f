using System.Buffers;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using CsCheck;
using MathNet.Numerics.LinearAlgebra;
using Prescore.Attention.Clustered;
using Prescore.Numerics;

namespace Prescore.Tests.Attention.Clustered;

public class SketchBasisTests
{
    private const double Ridge = 1e-4;

    /// <summary>63 steps of codes are 4.5 deviations.</summary>
    private const double StepsPerDeviation = 63 / 4.5;

    public static TheoryData<int, int> Sizes => new()
    {
        { 1, 4 }, { 8, 4 }, { 8, 16 }, { 63, 16 }, { 64, 8 }, { 64, 12 }, { 64, 16 }, { 65, 16 }, { 65, 20 }, { 128, 16 }, { 128, 32 },
    };

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Error_is_within_1_percent_of_the_least_possible(int d, int rank)
    {
        foreach (double power in new[] { 0.7, 1.5 })
        {
            Matrix<double> m = Decaying(d, power, seed: 1), s = Decaying(d, power, seed: 2);
            Approximates(Fit(m, s, rank), m, s, 1.01);
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void From_a_basis_of_similar_moments_the_error_is_within_2_percent(int d, int rank)
    {
        Matrix<double> m = Decaying(d, 1.5, seed: 1), s = Decaying(d, 1.5, seed: 2);
        SketchBasis start = Fit(m, s, rank);
        for (int seed = 3; seed < 7; seed += 2)
        {
            Matrix<double> nextM = 0.98 * m + 0.02 * Decaying(d, 1.5, seed), nextS = 0.98 * s + 0.02 * Decaying(d, 1.5, seed + 1);
            SketchBasis next = Fit(nextM, nextS, rank, start);
            Approximates(next, nextM, nextS, 1.02);
            if (rank < d)
            {
                Error(next, nextM, nextS).ShouldBeLessThan(Error(start, nextM, nextS));
                Bits(next).ShouldNotBe(Bits(Fit(nextM, nextS, rank)));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Projecting_twice_is_projecting_once_and_columns_beyond_d_are_zero(int d, int rank)
    {
        Matrix<double> m = Decaying(d, 1, seed: 1), s = Decaying(d, 1, seed: 2);
        foreach (SketchBasis basis in new[] { Fit(m, s, rank), Fit(m, s, rank, Fit(s, m, rank)) })
        {
            basis.Columns.ShouldBe(Math.Min(d, rank));
            // BᵀA; steps cancel on the diagonal, and off it are undone.
            Matrix<double> product = Keys(basis).TransposeThisAndMultiply(Queries(basis));
            Matrix<double> length = Queries(basis).TransposeThisAndMultiply(Regularised(m) * Queries(basis));
            for (int i = 0; i < rank; i++)
            {
                for (int j = 0; j < rank; j++)
                {
                    double scale = i < d && j < d ? Math.Sqrt(length[i, i] / length[j, j]) : 1;
                    (product[i, j] * scale).ShouldBe(i == j && i < d ? 1 : 0, 1e-5);
                }
            }
            for (int c = d; c < rank; c++)
            {
                Keys(basis).Column(c).ShouldAllBe(x => x == 0);
                Queries(basis).Column(c).ShouldAllBe(x => x == 0);
            }
        }
    }

    [Fact]
    public void Columns_are_single_eigenvectors_in_descending_order_and_codes_have_the_steps_asked_for()
    {
        const int d = 33, rank = 8;
        Matrix<double> m = Decaying(d, 1, seed: 1), regularised = Regularised(m);
        double[] values = [.. Enumerable.Range(0, d).Select(c => 50 * Math.Pow(0.4, c))];
        // S·M has these eigenvalues where M = L·Lᵀ and S = L⁻ᵀ·(U·Λ·Uᵀ)·L⁻¹.
        Matrix<double> inverse = regularised.Cholesky().Factor.Inverse(), u = Rotation(d, seed: 2);
        Matrix<double> s = inverse.TransposeThisAndMultiply(u * Matrix<double>.Build.DenseOfDiagonalArray(values) * u.Transpose() * inverse);
        SketchBasis basis = Fit(m, (s + s.Transpose()) / 2, rank);
        Matrix<double> variances = Keys(basis).TransposeThisAndMultiply(s * Keys(basis));
        Matrix<double> energies = Queries(basis).TransposeThisAndMultiply(regularised * Queries(basis));
        for (int i = 0; i < rank; i++)
        {
            for (int j = 0; j < rank; j++)
            {
                double scale = Math.Sqrt(values[i] * values[j]) / (StepsPerDeviation * StepsPerDeviation);
                variances[i, j].ShouldBe(i == j ? StepsPerDeviation * StepsPerDeviation : 0, 0.002 * StepsPerDeviation * StepsPerDeviation);
                energies[i, j].ShouldBe(i == j ? scale : 0, 0.002 * scale);
            }
        }
    }

    [Fact]
    public void A_few_queries_are_met_and_the_other_columns_serve_the_rest()
    {
        const int d = 64, rank = 16;
        Matrix<double> s = Decaying(d, 1, seed: 2);
        foreach (int count in new[] { 1, 3, 20 })
        {
            Matrix<double> queries = Gaussian(count, d, seed: 5);
            Matrix<double> m = queries.TransposeThisAndMultiply(queries) / count;
            SketchBasis basis = Fit(m, s, rank);
            basis.Columns.ShouldBe(rank);
            Error(basis, Regularised(m), s).ShouldBeLessThan(1.01 * Least(Regularised(m), s, rank));
            if (count < rank)
            {
                Error(basis, m, s).ShouldBeLessThan(1e-5 * Energy(m, s));
            }
        }
    }

    [Fact]
    public void Without_queries_all_directions_count_alike()
    {
        const int d = 40, rank = 12;
        Matrix<double> s = Decaying(d, 1, seed: 2), one = Matrix<double>.Build.DenseIdentity(d), none = one * 0;
        SketchBasis basis = Fit(none, s, rank);
        Error(basis, one, s).ShouldBeLessThan(1.01 * Least(one, s, rank));
        foreach (double bad in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity })
        {
            Matrix<double> broken = Decaying(d, 1, seed: 1);
            broken[3, 7] = broken[7, 3] = bad;
            Bits(Fit(broken, s, rank)).ShouldBe(Bits(basis));
            broken = none.Clone();
            broken[4, 4] = bad;
            Bits(Fit(broken, s, rank)).ShouldBe(Bits(basis));
        }
    }

    [Fact]
    public void Keys_that_do_not_vary_have_codes_of_0()
    {
        const int d = 12, rank = 8;
        Matrix<double> m = Decaying(d, 1, seed: 1), broken = Decaying(d, 1, seed: 2), none = m * 0;
        broken[11, 2] = broken[2, 11] = double.NaN;
        foreach (Matrix<double> s in new[] { none, broken })
        {
            foreach (SketchBasis? start in new[] { null, Fit(m, m, rank) })
            {
                SketchBasis basis = Fit(m, s, rank, start);
                basis.Columns.ShouldBe(0);
                float[] key = [.. Enumerable.Range(1, d).Select(l => 1e30f * l)], coordinates = Poisoned(basis.Stride);
                basis.KeyCoordinates(key, coordinates);
                coordinates.ShouldAllBe(x => x == 0);
                coordinates = Poisoned(basis.Stride);
                basis.QueryCoordinates(key, coordinates);
                coordinates.ShouldAllBe(x => x == 0);
            }
        }
        Fit(none, none, rank).Columns.ShouldBe(0);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(7)]
    public void Keys_that_vary_in_few_directions_need_as_many_columns(int directions)
    {
        const int d = 20, rank = 12;
        Matrix<double> m = Decaying(d, 1, seed: 1), keys = Gaussian(directions, d, seed: 3);
        Matrix<double> s = keys.TransposeThisAndMultiply(keys);
        SketchBasis basis = Fit(m, s, rank);
        basis.Columns.ShouldBe(directions);
        Error(basis, m, s).ShouldBeLessThan(1e-10 * Energy(m, s));
    }

    [Fact]
    public void An_earlier_basis_that_misses_directions_is_of_no_effect()
    {
        const int d = 24, rank = 8;
        Matrix<double> one = Matrix<double>.Build.DenseIdentity(d), all = Decaying(d, 1, seed: 2);
        Matrix<double> early = Matrix<double>.Build.DenseDiagonal(d, d, l => l < 10 ? 1.0 + l : 0);
        Matrix<double> late = Matrix<double>.Build.DenseDiagonal(d, d, l => l < 10 ? 0 : 30.0 - l);
        SketchBasis few = Fit(one, Matrix<double>.Build.DenseDiagonal(d, d, l => l < 5 ? 1 : 0), rank);
        few.Columns.ShouldBe(5);
        Bits(Fit(one, all, rank, few)).ShouldBe(Bits(Fit(one, all, rank)));
        // It sees nothing of the later keys.
        Bits(Fit(one, late, rank, Fit(one, early, rank))).ShouldBe(Bits(Fit(one, late, rank)));
    }

    [Fact]
    public void Scale_of_queries_does_not_matter_and_that_of_keys_is_taken_out()
    {
        const int d = 19, rank = 8;
        Matrix<double> m = Decaying(d, 1, seed: 1), s = Decaying(d, 1, seed: 2);
        SketchBasis basis = Fit(m, s, rank);
        foreach (int exponent in new[] { -1000, -60, 60, 1000 })
        {
            Bits(Fit(m * Math.ScaleB(1, exponent), s, rank)).ShouldBe(Bits(basis));
        }
        // Too small for a double to hold all digits: as no queries.
        Bits(Fit(m * Math.ScaleB(1, -1060), s, rank)).ShouldBe(Bits(Fit(m * 0, s, rank)));
        foreach (int exponent in new[] { -80, 2, 80 })
        {
            SketchBasis scaled = Fit(m, s * Math.ScaleB(1, exponent), rank);
            Keys(scaled).ShouldBe(Keys(basis) * Math.ScaleB(1, -exponent / 2));
            Queries(scaled).ShouldBe(Queries(basis) * Math.ScaleB(1, exponent / 2));
        }
        // Beyond what a float holds: nothing, rather than infinities.
        foreach (int exponent in new[] { -1060, -400, 400, 1000 })
        {
            SketchBasis scaled = Fit(m, s * Math.ScaleB(1, exponent), rank);
            scaled.Columns.ShouldBe(0);
            Keys(scaled).Enumerate().Concat(Queries(scaled).Enumerate()).ShouldAllBe(x => x == 0);
        }
    }

    /// <summary>Holds on every machine and SIMD width.</summary>
    [Theory]
    [InlineData(64, 16, "D7F98F29610CF198 51B93AC0708000A2")]
    [InlineData(13, 12, "E4502A7DCD4F7BA4 C8ACE86EA9519260")]
    public void Bits_are_always_the_same(int d, int rank, string expected)
    {
        var queries = new SecondMoment(d);
        var keys = new SecondMoment(d);
        for (int i = 0; i < 3 * d; i++)
        {
            queries.Add(Uniform(d, i, stream: 100));
            keys.Add(Uniform(d, i, stream: 101));
        }
        double[] m = new double[d * d], s = new double[d * d];
        queries.CopyTo(m);
        keys.CopyTo(s);
        SketchBasis cold = SketchBasis.Fit(m, s, d, rank, null);
        SketchBasis warm = SketchBasis.Fit(s, m, d, rank, cold);
        $"{Bits(cold)[..16]} {Bits(warm)[..16]}".ShouldBe(expected);
    }

    [Fact]
    public void What_memory_held_and_other_threads_do_not_matter()
    {
        int[] sizes = [5, 16, 33, 64];
        SketchBasis Of(int d) => Fit(Decaying(d, 1, seed: 1), Decaying(d, 1, seed: 2), 8);
        Dictionary<int, string> expected = sizes.ToDictionary(d => d, d => Bits(Of(d)));
        Parallel.For(0, 40, i =>
        {
            double[] memory = ArrayPool<double>.Shared.Rent(1 << (6 + i % 10));
            memory.AsSpan().Fill(double.NaN);
            ArrayPool<double>.Shared.Return(memory);
            Bits(Of(sizes[i % 4])).ShouldBe(expected[sizes[i % 4]]);
        });
    }

    [Theory]
    [MemberData(nameof(Sizes))]
    public void Coordinates_are_chains_of_multiply_adds(int d, int rank)
    {
        SketchBasis basis = Fit(Decaying(d, 1, seed: 1), Decaying(d, 1, seed: 2), rank);
        int stride = basis.Stride;
        stride.ShouldBe((rank + 15) / 16 * 16);
        foreach (int rows in new[] { 0, 1, 2, 3, 4, 5, 9 })
        {
            float[] x = Uniform(rows * d, position: 1, stream: 102);
            float[] keys = Poisoned(rows * stride), queries = Poisoned(rows * stride);
            basis.KeyCoordinates(x, keys);
            basis.QueryCoordinates(x, queries);
            for (int at = 0; at < rows * stride; at++)
            {
                float key = 0, query = 0;
                for (int l = 0; l < d && at % stride < rank; l++)
                {
                    float component = x[at / stride * d + l];
                    key = MathF.FusedMultiplyAdd(component, basis.Keys[l * rank + at % stride], key);
                    query = MathF.FusedMultiplyAdd(component, basis.Queries[l * rank + at % stride], query);
                }
                keys[at].ShouldBe(key);
                queries[at].ShouldBe(query);
            }
        }
    }

    [Fact]
    public void Sizes_that_do_not_fit_are_refused()
    {
        double[] square = new double[9];
        SketchBasis basis = SketchBasis.Fit(square, square, 3, 4, null);
        foreach (int rank in new[] { -4, 0, 3, 6 })
        {
            Should.Throw<ArgumentOutOfRangeException>(() => SketchBasis.Fit(square, square, 3, rank, null));
        }
        Should.Throw<ArgumentOutOfRangeException>(() => SketchBasis.Fit([], [], 0, 4, null));
        Should.Throw<ArgumentOutOfRangeException>(() => SketchBasis.Fit(square[..8], square, 3, 4, null));
        Should.Throw<ArgumentOutOfRangeException>(() => SketchBasis.Fit(square, square[..8], 3, 4, null));
        Should.Throw<ArgumentException>(() => SketchBasis.Fit(square, square, 3, 8, basis));
        Should.Throw<ArgumentException>(() => SketchBasis.Fit(square[..4], square[..4], 2, 4, basis));
        Should.Throw<ArgumentOutOfRangeException>(() => basis.KeyCoordinates(new float[2], new float[16]));
        Should.Throw<ArgumentOutOfRangeException>(() => basis.QueryCoordinates(new float[3], new float[15]));
        Should.Throw<ArgumentOutOfRangeException>(() => basis.Encode(new float[16], new float[15], new sbyte[16]));
        Should.Throw<ArgumentOutOfRangeException>(() => basis.Encode(new float[15], new float[16], new sbyte[16]));
        Should.Throw<ArgumentOutOfRangeException>(() => new SecondMoment(3).Add(new float[4]));
        Should.Throw<ArgumentOutOfRangeException>(() => new SecondMoment(3).CopyTo(new double[10]));
    }

    [Theory]
    [InlineData(0.5f, 0, 0)]
    [InlineData(1.5f, 0, 2)]
    [InlineData(2.5f, 0, 2)]
    [InlineData(-0.5f, 0, 0)]
    [InlineData(-1.5f, 0, -2)]
    [InlineData(-2.5f, 0, -2)]
    [InlineData(2.4f, 1, 1)]
    [InlineData(2.6f, -1, 4)]
    [InlineData(62.5f, 0, 62)]
    [InlineData(62.6f, 0, 63)]
    [InlineData(63.6f, 0, 63)]
    [InlineData(-62.6f, 0, -63)]
    [InlineData(-70, 0, -63)]
    [InlineData(300, 0, 63)]
    [InlineData(-300, 0, -63)]
    [InlineData(300, 298, 2)]
    [InlineData(float.PositiveInfinity, 0, 63)]
    [InlineData(float.NegativeInfinity, 0, -63)]
    [InlineData(0, float.PositiveInfinity, -63)]
    [InlineData(float.PositiveInfinity, float.PositiveInfinity, 0)]
    [InlineData(float.NaN, 0, 0)]
    [InlineData(7, float.NaN, 0)]
    public void A_code_is_rounded_half_to_even_and_clamped(float coordinate, float anchor, int expected)
    {
        // Amid others: each is on its own.
        float[] coordinates = [5, coordinate, -9, coordinate, .. new float[12]], anchors = [1, anchor, 1, anchor, .. new float[12]];
        sbyte[] code = [.. Enumerable.Repeat((sbyte)99, 16)];
        SketchBasis basis = Fit(Decaying(8, 1, seed: 1), Decaying(8, 1, seed: 2), 4);
        float length = basis.Encode(coordinates, anchors, code);
        code.ShouldBe([4, (sbyte)expected, -10, (sbyte)expected, .. new sbyte[12]]);
        float[] relative = [.. coordinates.Zip(anchors, (x, y) => float.IsNaN(x - y) ? 0 : x - y)];
        float[] lost = [.. relative.Select(x => x - Math.Clamp(x, -63, 63))];
        float expectedLength = Enumerable.Range(0, 4).Sum(c => (relative[c] * relative[c] + 8 * lost[c] * lost[c]) * basis.Variances[c]);
        (length == expectedLength || Math.Abs(length - expectedLength) < 1e-4f * expectedLength).ShouldBeTrue();
    }

    [Fact]
    public void Second_moment_equals_a_naive_sum_bit_by_bit() =>
        Gen.Select(Gen.Int[1, 40], Gen.Int[0, 100_000]).Sample((d, seed) =>
        {
            var random = new Random(seed);
            var moment = new SecondMoment(d);
            moment.Add(Uniform(d, seed, stream: 104));
            moment.Clear();
            (moment.Count, moment.Weight).ShouldBe((0, 0));
            Full(moment, d).ShouldAllBe(x => x == 0);
            var sum = new double[d * d];
            double weight = 0;
            for (int i = 0; i < 30; i++)
            {
                float[] x = Uniform(d, seed + i, stream: 105);
                moment.Add(x);
                weight++;
                for (int j = 0; j < d * d; j++)
                {
                    sum[j] += (double)x[j / d] * x[j % d];
                }
                if (random.Next(5) == 0)
                {
                    double factor = random.NextDouble();
                    moment.Decay(factor);
                    weight *= factor;
                    for (int j = 0; j < d * d; j++)
                    {
                        sum[j] *= factor;
                    }
                }
                (moment.Count, moment.Weight).ShouldBe((i + 1, weight));
            }
            Full(moment, d).ShouldBe([.. sum.Select(x => x / weight)]);
            moment.Decay(0);
            Full(moment, d).ShouldAllBe(x => x == 0);
        }, iter: 100);

    private static SketchBasis Fit(Matrix<double> m, Matrix<double> s, int rank, SketchBasis? start = null) =>
        SketchBasis.Fit(m.ToRowMajorArray(), s.ToRowMajorArray(), m.RowCount, rank, start);

    /// <summary>Checks the error against the least one, for the moments given and the regularised ones.</summary>
    private static void Approximates(SketchBasis basis, Matrix<double> m, Matrix<double> s, double factor)
    {
        // What floats leave where there is a column for every direction.
        double rounding = 1e-12 * Energy(m, s);
        Error(basis, m, s).ShouldBeLessThan(factor * Least(m, s, basis.Rank) + rounding);
        Error(basis, Regularised(m), s).ShouldBeLessThan(factor * Least(Regularised(m), s, basis.Rank) + rounding);
    }

    /// <summary>E (qᵀx − approximation)² = tr(EᵀMES), where E = I − A·Bᵀ.</summary>
    private static double Error(SketchBasis basis, Matrix<double> m, Matrix<double> s)
    {
        Matrix<double> e = Matrix<double>.Build.DenseIdentity(m.RowCount) - Queries(basis) * Keys(basis).Transpose();
        return (e.TransposeThisAndMultiply(m) * e * s).Trace();
    }

    /// <summary>E (qᵀx)².</summary>
    private static double Energy(Matrix<double> m, Matrix<double> s) => (m * s).Trace();

    /// <summary>Least error of rank r: the squares of the other singular values of √M·√S.</summary>
    private static double Least(Matrix<double> m, Matrix<double> s, int rank) =>
        m.Cholesky().Factor.TransposeThisAndMultiply(s.Cholesky().Factor).Svd(false).S.Skip(rank).Sum(x => x * x);

    private static Matrix<double> Regularised(Matrix<double> m) =>
        m + Matrix<double>.Build.DenseIdentity(m.RowCount) * (Ridge * m.Trace() / m.RowCount);

    /// <summary>A random positive matrix with eigenvalues k^−power.</summary>
    private static Matrix<double> Decaying(int d, double power, int seed)
    {
        Matrix<double> u = Rotation(d, seed);
        Matrix<double> product = u * Matrix<double>.Build.DenseDiagonal(d, d, k => Math.Pow(k + 1, -power)) * u.Transpose();
        return (product + product.Transpose()) / 2;
    }

    private static Matrix<double> Rotation(int d, int seed) => Gaussian(d, d, seed).QR().Q;

    private static Matrix<double> Gaussian(int rows, int columns, int seed) =>
        Matrix<double>.Build.Dense(rows, columns, (i, j) => CounterRandom.Gaussian(CounterRandom.Hash((ulong)seed, 0, i, j, stream: 103)));

    /// <summary>Numbers without a logarithm or cosine of the machine; later ones are smaller, and they are correlated.</summary>
    private static float[] Uniform(int d, int position, int stream)
    {
        float[] x = [.. Enumerable.Range(0, d).Select(l => (float)(CounterRandom.Uniform(CounterRandom.Hash(7, 0, l, position, stream)) - 0.5) / (1 + l / 4))];
        for (int l = 1; l < d; l++)
        {
            x[l] += x[l - 1] * 0.5f;
        }
        return x;
    }

    private static Matrix<double> Keys(SketchBasis basis) => Dense(basis, basis.Keys);

    private static Matrix<double> Queries(SketchBasis basis) => Dense(basis, basis.Queries);

    private static Matrix<double> Dense(SketchBasis basis, ReadOnlySpan<float> rows)
    {
        float[] copy = rows.ToArray();
        return Matrix<double>.Build.Dense(basis.Dimension, basis.Rank, (i, j) => copy[i * basis.Rank + j]);
    }

    private static string Bits(SketchBasis basis) =>
        Convert.ToHexString(SHA256.HashData([.. MemoryMarshal.AsBytes(basis.Keys), .. MemoryMarshal.AsBytes(basis.Queries)]));

    private static float[] Poisoned(int count) => [.. Enumerable.Repeat(float.NaN, count)];

    private static double[] Full(SecondMoment moment, int d)
    {
        double[] full = [.. Enumerable.Repeat(double.NaN, d * d)];
        moment.CopyTo(full);
        return full;
    }
}
