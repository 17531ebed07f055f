using Prescore.Attention.Core;
using Prescore.Kernels;

namespace Prescore.Tests.Kernels;

public class KeySketchesTests
{
    private static readonly int[] Ranks = [4, 8, 16, 20, 32, 64];
    private static readonly int[] Counts = [0, 1, 15, 16, 17, 63, 65, 257, 1000];

    public static TheoryData<SimdPath, int> PathsAndRanks
    {
        get
        {
            var kinds = new TheoryData<SimdPath, int>();
            foreach (SimdPath path in Enum.GetValues<SimdPath>())
            {
                foreach (int rank in Ranks)
                {
                    kinds.Add(path, rank);
                }
            }
            return kinds;
        }
    }

    [Theory]
    [MemberData(nameof(PathsAndRanks))]
    public void Screening_finds_what_plain_sums_find(SimdPath path, int rank)
    {
        int levels = KeySketches.QueryLevels(rank);
        foreach (int count in Counts)
        {
            var random = new Random(count);
            using var sketches = new KeySketches(rank);
            sbyte[][] codes = [.. Enumerable.Range(0, count).Select(_ => Code(random, rank, KeySketches.LargestCode))];
            // What lies in the unused lanes would be the best key of all.
            Fill(sketches, codes, poison: 0xFF);
            sbyte[] query = Code(random, rank, levels);
            int[] products = [.. codes.Select(code => Product(query, code))];
            foreach (int threshold in Thresholds(products))
            {
                Check(sketches, path, query, products, threshold);
            }
        }
    }

    [Theory]
    [MemberData(nameof(PathsAndRanks))]
    public void Unused_lanes_are_never_reported(SimdPath path, int rank)
    {
        for (int count = 0; count <= 33; count++)
        {
            foreach (byte poison in new byte[] { 0, 0x7F, 0x80, 0xFF })
            {
                foreach (int sign in new[] { -1, 1 })
                {
                    sbyte[] query = Constant(rank, sign * KeySketches.QueryLevels(rank));
                    sbyte[][] codes = [.. Enumerable.Range(0, count).Select(i => Constant(rank, i % 2 == 0 ? 3 : -3))];
                    using var sketches = new KeySketches(rank);
                    Fill(sketches, codes, poison);
                    Check(sketches, path, query, [.. codes.Select(code => Product(query, code))], int.MinValue);
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(PathsAndRanks))]
    public void Extreme_values_do_not_overflow(SimdPath path, int rank)
    {
        int levels = KeySketches.QueryLevels(rank);
        // The pairs of the 16-bit sums see the extremes with every mix of signs.
        Func<int, int>[] signs = [_ => 1, _ => -1, d => d % 2 == 0 ? 1 : -1, d => d / 2 % 2 == 0 ? 1 : -1, d => d / 4 % 2 == 0 ? -1 : 1];
        sbyte[][] codes = [.. signs.Select(sign => Signed(rank, KeySketches.LargestCode, sign))];
        using var sketches = new KeySketches(rank);
        Fill(sketches, codes, poison: 0xFF);
        Radii(sketches).ShouldBe(Radii(codes));
        foreach (Func<int, int> sign in signs)
        {
            sbyte[] query = Signed(rank, levels, sign);
            int[] products = [.. codes.Select(code => Product(query, code))];
            foreach (int threshold in Thresholds(products))
            {
                Check(sketches, path, query, products, threshold);
            }
        }
        // The bound is used: one more level would not do, unless a byte ends before.
        Product(Constant(rank, levels), Constant(rank, KeySketches.LargestCode)).ShouldBe(rank * levels * 31);
        (levels == 127 || (levels + 1) * 31 * 2 * (rank / 4) > short.MaxValue).ShouldBeTrue();
    }

    [Theory]
    [InlineData(4, 127)]
    [InlineData(16, 127)]
    [InlineData(20, 105)]
    [InlineData(32, 66)]
    [InlineData(64, 33)]
    public void Query_levels_keep_sums_in_16_bits(int rank, int levels) => KeySketches.QueryLevels(rank).ShouldBe(levels);

    [Fact]
    public void Codes_lie_in_groups_of_quads()
    {
        const int Rank = 8, Count = 37;
        var random = new Random(1);
        using var sketches = new KeySketches(Rank);
        sbyte[][] codes = [.. Enumerable.Range(0, Count).Select(_ => Code(random, Rank, KeySketches.LargestCode))];
        Fill(sketches, codes, poison: 0);
        for (int i = 0; i < Count; i++)
        {
            for (int d = 0; d < Rank; d++)
            {
                int at = i / 16 * (16 * Rank) + d / 4 * 64 + i % 16 * 4 + d % 4;
                sketches.Span[at].ShouldBe((byte)(codes[i][d] + KeySketches.Offset));
            }
        }
    }

    [Theory]
    [MemberData(nameof(PathsAndRanks))]
    public void Keys_survive_growth_and_Clear_forgets_them(SimdPath path, int rank)
    {
        var random = new Random(rank);
        using var sketches = new KeySketches(rank);
        sketches.Rank.ShouldBe(rank);
        sketches.Quads.ShouldBe(rank / 4);
        sketches.Bytes.ShouldBe(0);
        sbyte[] query = Code(random, rank, KeySketches.QueryLevels(rank));
        for (int round = 0; round < 2; round++)
        {
            var products = new List<int>();
            var codes = new List<sbyte[]>();
            for (int i = 0; i < 200; i++)
            {
                // Later rounds are of smaller codes: the radius must not remember the earlier ones.
                sbyte[] code = Code(random, rank, KeySketches.LargestCode - 10 * round);
                int before = sketches.Capacity;
                sketches.Append(code);
                products.Add(Product(query, code));
                codes.Add(code);
                sketches.Count.ShouldBe(i + 1);
                Radii(sketches).ShouldBe(Radii([.. codes]));
                (sketches.Capacity % KeySketches.GroupKeys).ShouldBe(0);
                sketches.Bytes.ShouldBe((long)sketches.Capacity * rank);
                if (sketches.Capacity != before)
                {
                    before.ShouldBe(i);
                    sketches.Capacity.ShouldBe((i + i / 4 + 16 + 15) / 16 * 16);
                    // What the longer memory holds behind the keys is of no account.
                    Check(sketches, path, query, [.. products], products.Max());
                    Check(sketches, path, query, [.. products], int.MinValue);
                }
            }
            Check(sketches, path, query, [.. products], products.Order().ElementAt(100));
            int capacity = sketches.Capacity;
            sketches.Clear();
            sketches.Count.ShouldBe(0);
            Radii(sketches).ShouldBeEmpty();
            sketches.Capacity.ShouldBe(capacity);
            Check(sketches, path, query, [], int.MinValue);
        }
        sketches.Reserve(1);
        int held = sketches.Capacity;
        sketches.Reserve(held + 1);
        sketches.Capacity.ShouldBe(held + 16);
        sketches.Dispose();
        sketches.Bytes.ShouldBe(0);
        Check(sketches, path, query, [], int.MinValue);
    }

    /// <summary>Many at once or one by one: the same bytes, and the same to screen with.</summary>
    [Theory]
    [MemberData(nameof(PathsAndRanks))]
    public void Columns_of_coordinates_are_appended_as_rounded_differences(SimdPath path, int rank)
    {
        const int Stride = 128;
        foreach (int[] pieces in new int[][] { [1], [16], [128, 5], [17], [64, 48, 128, 33] })
        {
            var random = new Random(rank + pieces.Length);
            using KeySketches columns = new(rank), single = new(rank);
            float[] anchor = [.. Enumerable.Range(0, rank).Select(_ => random.NextSingle() - 0.5f)];
            sbyte[] query = Code(random, rank, KeySketches.QueryLevels(rank));
            var products = new List<int>();
            foreach (int count in pieces)
            {
                // Beyond the last key lies what is no number.
                float[] coordinates = [.. Enumerable.Range(0, rank * Stride).Select(i => i % Stride < count ? (random.NextSingle() - 0.5f) * 40 : float.NaN)];
                coordinates[0] = 2.5f + anchor[0];
                coordinates[(rank - 1) * Stride + count - 1] = float.NaN;
                coordinates[Stride] = float.PositiveInfinity;
                columns.AppendColumns(coordinates, Stride, count, anchor);
                for (int key = 0; key < count; key++)
                {
                    sbyte[] code = [.. Enumerable.Range(0, rank).Select(c =>
                    {
                        float rounded = MathF.Round(coordinates[c * Stride + key] - anchor[c]);
                        return float.IsNaN(rounded) ? (sbyte)0 : (sbyte)Math.Clamp(rounded, -15, 15);
                    })];
                    single.Append(code);
                    products.Add(Product(query, code));
                }
            }
            columns.Count.ShouldBe(single.Count);
            Radii(columns).ShouldBe(Radii(single));
            foreach (int threshold in Thresholds([.. products]))
            {
                Check(columns, path, query, [.. products], threshold);
                Check(single, path, query, [.. products], threshold);
            }
        }
        using var odd = new KeySketches(rank);
        odd.Append(Constant(rank, 1));
        Should.Throw<ArgumentOutOfRangeException>(() => odd.AppendColumns(new float[rank * Stride], Stride, 4, new float[rank]));
        odd.Clear();
        Should.Throw<ArgumentOutOfRangeException>(() => odd.AppendColumns(new float[rank * Stride], Stride, 4, new float[rank - 1]));
        Should.Throw<ArgumentOutOfRangeException>(() => odd.AppendColumns(new float[(rank - 1) * Stride + 15], Stride, 4, new float[rank]));
        odd.Count.ShouldBe(0);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(8)]
    [InlineData(32)]
    public void Sorting_puts_the_longest_first_and_says_where_they_were(int rank)
    {
        foreach (int count in Counts)
        {
            var random = new Random(count);
            using var sketches = new KeySketches(rank);
            sbyte[][] codes = [.. Enumerable.Range(0, count).Select(i => Code(random, rank, i % 5 == 0 ? 15 : 4))];
            Fill(sketches, codes, poison: 0xFF);
            float[] weights = [.. Enumerable.Range(0, rank).Select(c => 1f / (1 + c))], norms = new float[count];
            sketches.SquaredNorms(weights, norms);
            double[] expected = [.. codes.Select(code => code.Select((x, c) => (double)x * x / (1 + c)).Sum())];
            norms.Zip(expected, (a, b) => Math.Abs(a - b) / (1 + b)).Append(0).Max().ShouldBeLessThan(1e-6);
            var order = new int[count];
            sketches.Sort(weights, order);
            order.Order().ShouldBe(Enumerable.Range(0, count));
            sbyte[][] sorted = [.. order.Select(i => codes[i])];
            for (int place = 0; place + 1 < count; place++)
            {
                (double first, double second) = (expected[order[place]], expected[order[place + 1]]);
                // What leading bits do not tell apart stays in order.
                (second <= first * 1.126 || second < expected.Max() / 200).ShouldBeTrue($"{first} before {second}");
                (first != second || order[place] < order[place + 1]).ShouldBeTrue();
            }
            Radii(sketches).ShouldBe(Radii(sorted));
            sbyte[] query = Code(random, rank, KeySketches.QueryLevels(rank));
            Check(sketches, SimdPath.Scalar, query, [.. sorted.Select(code => Product(query, code))], int.MinValue);
            // More can follow.
            sbyte[] longest = Constant(rank, 15);
            sketches.Append(longest);
            Radii(sketches).ShouldBe(Radii([.. sorted, longest]));
        }
    }

    [Fact]
    public void Sketches_of_zeros_keep_their_order()
    {
        using var sketches = new KeySketches(8);
        Fill(sketches, [.. Enumerable.Repeat(new sbyte[8], 40)], poison: 0xFF);
        var order = new int[40];
        sketches.Sort(new float[8], order);
        order.ShouldBe(Enumerable.Range(0, 40));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        foreach (int rank in new[] { -4, 0, 6, 68 })
        {
            Should.Throw<ArgumentOutOfRangeException>(() => new KeySketches(rank));
            Should.Throw<ArgumentOutOfRangeException>(() => KeySketches.QueryLevels(rank));
        }
        using var sketches = new KeySketches(32);
        foreach (int bad in new[] { -128, -16, 16, 127 })
        {
            sbyte[] code = Constant(32, 1);
            code[31] = (sbyte)bad;
            Should.Throw<ArgumentOutOfRangeException>(() => sketches.Append(code));
        }
        Should.Throw<ArgumentOutOfRangeException>(() => sketches.Append(new sbyte[31]));
        sketches.Count.ShouldBe(0);
        Radii(sketches).ShouldBeEmpty();
        Should.Throw<ArgumentOutOfRangeException>(() => sketches.Sort(new float[32], new int[1]));
        sketches.Append(new sbyte[32]);
        Should.Throw<ArgumentOutOfRangeException>(() => sketches.Sort(new float[31], new int[1]));
        Should.Throw<ArgumentOutOfRangeException>(() => sketches.SquaredNorms(new float[32], []));
        foreach (int bad in new[] { -128, -67, 67, 127 })
        {
            Should.Throw<ArgumentOutOfRangeException>(() => sketches.Screen(SimdPath.Scalar, Constant(32, bad), 0, new int[16], new int[16]));
        }
        Should.Throw<ArgumentOutOfRangeException>(() => sketches.Screen(SimdPath.Scalar, new sbyte[33], 0, new int[16], new int[16]));
        Should.Throw<ArgumentOutOfRangeException>(() => sketches.Screen(SimdPath.Scalar, new sbyte[32], 0, new int[15], new int[16]));
        Should.Throw<ArgumentOutOfRangeException>(() => sketches.Screen(SimdPath.Scalar, new sbyte[32], 0, new int[16], new int[15]));
    }

    /// <summary>Radii of all groups and bands.</summary>
    private static float[] Radii(KeySketches sketches) =>
        [.. from g in Enumerable.Range(0, (sketches.Count + 15) / 16) from band in Enumerable.Range(0, 3) select sketches.SquaredRadius(band, g)];

    /// <summary>What they should be: largest squared norms of the first 4 coordinates, the next 8 and the rest, of this and later groups.</summary>
    private static float[] Radii(sbyte[][] codes) =>
        [.. from g in Enumerable.Range(0, (codes.Length + 15) / 16)
            from band in new[] { 0..4, 4..12, 12..64 }
            select (float)codes.Skip(16 * g).Max(code => code.Where((_, c) => c >= band.Start.Value && c < band.End.Value).Sum(x => x * x))];

    private static void Fill(KeySketches sketches, sbyte[][] codes, byte poison)
    {
        sketches.Reserve(codes.Length);
        sketches.Span.Fill(poison);
        foreach (sbyte[] code in codes)
        {
            sketches.Append(code);
        }
    }

    private static void Check(KeySketches sketches, SimdPath path, sbyte[] query, int[] products, int threshold)
    {
        int[] expected = [.. Enumerable.Range(0, products.Length).Where(i => products[i] >= threshold)];
        // Nothing is written beyond whole groups.
        int[] indices = [.. Enumerable.Repeat(-7, sketches.PaddedCount + 1)], dots = [.. indices];
        sketches.Screen(path, query, threshold, indices, dots).ShouldBe(expected.Length);
        indices[..expected.Length].ShouldBe(expected);
        dots[..expected.Length].ShouldBe([.. expected.Select(i => products[i])]);
        (indices[^1], dots[^1]).ShouldBe((-7, -7));
    }

    /// <summary>None, the largest alone, a few, half, all, and the ends of the type.</summary>
    private static IEnumerable<int> Thresholds(int[] products)
    {
        yield return int.MinValue;
        yield return int.MaxValue;
        if (products.Length == 0)
        {
            yield break;
        }
        int[] sorted = [.. products.Order()];
        yield return sorted[^1] + 1;
        yield return sorted[^1];
        yield return sorted[sorted.Length * 98 / 100];
        yield return sorted[sorted.Length / 2];
        yield return sorted[0] + 1;
        yield return sorted[0];
    }

    private static int Product(sbyte[] query, sbyte[] code) => query.Zip(code, (q, c) => q * (c + KeySketches.Offset)).Sum();

    private static sbyte[] Code(Random random, int rank, int largest) =>
        [.. Enumerable.Range(0, rank).Select(_ => (sbyte)random.Next(-largest, largest + 1))];

    private static sbyte[] Constant(int rank, int value) => Signed(rank, value, _ => 1);

    private static sbyte[] Signed(int rank, int value, Func<int, int> sign) => [.. Enumerable.Range(0, rank).Select(d => (sbyte)(sign(d) * value))];
}
