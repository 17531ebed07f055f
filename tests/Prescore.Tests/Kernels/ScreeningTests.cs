using CsCheck;
using Prescore.Attention.Core;
using Prescore.Kernels;
using Prescore.Storage;

namespace Prescore.Tests.Kernels;

/// <summary>Clusters as terms of a softmax and members that leave them, against fp64.</summary>
public partial class ScreeningTests
{
    public static TheoryData<SimdPath> Paths => [SimdPath.Scalar, SimdPath.Vector256, SimdPath.Vector512];

    public static TheoryData<SimdPath, bool, KeyValueStorage> Kinds
    {
        get
        {
            var kinds = new TheoryData<SimdPath, bool, KeyValueStorage>();
            foreach (SimdPath path in Enum.GetValues<SimdPath>())
            {
                kinds.Add(path, false, KeyValueStorage.Fp32);
                kinds.Add(path, true, KeyValueStorage.Fp32);
                kinds.Add(path, true, KeyValueStorage.Fp16);
            }
            return kinds;
        }
    }

    /// <summary>From no members at all to all of them.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Members_become_terms_of_their_own_and_leave_their_cluster_the_rest(SimdPath path, bool weighted, KeyValueStorage storage)
    {
        foreach ((int d, int dv, int rank) in new[] { (16, 16, 16), (1, 65, 4), (5, 1, 8), (63, 33, 32), (64, 64, 64), (65, 5, 20) })
        {
            using var set = new Clusters(path, d, dv, rank, weighted, storage, [1, 2, 17, 64, 130, 300], seed: d);
            using var rows = new Block(set, count: 31);
            double[] offsets = [double.NegativeInfinity, -3, -1, 0, 1, 3, double.PositiveInfinity];
            int[] members = [.. rows.AttendAll(row => offsets[row % offsets.Length])];
            rows.ShouldMatch();
            // All keys of row 0, none of row 6, and something in between of the others.
            members[0].ShouldBe(set.Keys);
            members[6].ShouldBe(0);
            members.Count(count => count > 0 && count < set.Keys).ShouldBeGreaterThan(5);
            rows.ScreenedOf(6).ShouldBe(0);
            rows.ScreenedOf(0).ShouldBe(set.Keys);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Whatever_the_clusters_and_thresholds(SimdPath path, bool weighted, KeyValueStorage storage) =>
        Gen.Select(Gen.Int[1, 40].Array[1, 30], Gen.Int[1, 24], Gen.Int[1, 20], Gen.Int[1, 16], Gen.Int[0, 1000]).Sample((sizes, d, dv, quads, seed) =>
        {
            using var set = new Clusters(path, d, dv, 4 * quads, weighted, storage, sizes, seed);
            using var rows = new Block(set, count: 1 + seed % 50);
            var random = new Random(seed);
            rows.AttendAll(_ => 8 * random.NextDouble() - 4);
            rows.ShouldMatch();
        }, iter: 30, threads: 1);

    /// <summary>More members wait than are attended together.</summary>
    [Theory]
    [MemberData(nameof(Paths))]
    public void Many_members_of_many_rows(SimdPath path)
    {
        using var set = new Clusters(path, 8, 12, 8, weighted: true, KeyValueStorage.Fp32, [700, 2500, 3], seed: 2);
        using var rows = new Block(set, count: 40);
        rows.AttendAll(row => row % 3 == 0 ? double.NegativeInfinity : -1);
        rows.ShouldMatch();
    }

    /// <summary>Logits of thousands, where the exponential of any difference but 0 is nothing or infinite.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Extreme_logits_give_numbers(SimdPath path, bool weighted, KeyValueStorage storage)
    {
        foreach (float magnitude in new[] { 30f, 300f, 3000f })
        {
            foreach (double offset in new[] { double.NegativeInfinity, -1e4, 0, 1e4 })
            {
                using var set = new Clusters(path, 16, 8, 16, weighted, storage, [1, 3, 20, 100], seed: 7);
                using var rows = new Block(set, count: 20, magnitude);
                rows.AttendAll(_ => offset);
                rows.LargestLogit().ShouldBeGreaterThan(20 * magnitude / 30);
                rows.ShouldMatch(tolerance: 1e-5 + 2e-6 * magnitude);
            }
        }
    }

    /// <summary>Codes that say the opposite of the keys: the members are the worst keys, what is left is better than any of them.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_rest_may_be_better_than_every_member(SimdPath path, bool weighted, KeyValueStorage storage)
    {
        foreach (float magnitude in new[] { 1f, 30f, 1000f })
        {
            using var set = new Clusters(path, 8, 8, 8, weighted, storage, [40, 50, 60], seed: 4, sign: -1);
            using var rows = new Block(set, count: 20, magnitude);
            rows.AttendAll(_ => 0);
            rows.RestsBetterThanMembers().ShouldBeGreaterThan(5);
            rows.ShouldMatch(tolerance: 1e-5 + 2e-6 * magnitude);
        }
    }

    /// <summary>After another set of keys the state goes on from there: near part first, then clusters.</summary>
    [Theory]
    [MemberData(nameof(Paths))]
    public void Rows_have_attended_other_keys_before(SimdPath path)
    {
        using var set = new Clusters(path, 16, 24, 16, weighted: false, KeyValueStorage.Fp32, [30, 40, 50], seed: 5);
        foreach (float magnitude in new[] { 0.1f, 3f })
        {
            using var rows = new Block(set, count: 25);
            rows.AttendNear(count: 70, magnitude);
            rows.AttendAll(row => row % 5 - 2);
            rows.ShouldMatch();
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Bits_of_a_row_do_not_depend_on_the_rows_beside_it(SimdPath path)
    {
        using var set = new Clusters(path, 16, 8, 16, weighted: true, KeyValueStorage.Fp32, [5, 100, 300, 1], seed: 6);
        float[][] Run(int count, int first)
        {
            using var rows = new Block(set, count, first: first);
            rows.AttendAll(row => (row + first) % 4 - 2);
            return [.. Enumerable.Range(0, count).Select(row => (float[])[.. rows.Finish(row, out float logSumExp), logSumExp])];
        }

        float[][] whole = Run(60, 0);
        for (int first = 0; first < 60; first += 7)
        {
            float[][] part = Run(Math.Min(60 - first, 1 + first % 11), first);
            part.ShouldBe(whole[first..(first + part.Length)]);
        }
    }

    /// <summary>Memory that regions and blocks rent has arbitrary content: here NaN.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_unused_memory_holds_does_not_matter(SimdPath path, bool weighted, KeyValueStorage storage)
    {
        foreach ((int d, int dv) in new[] { (1, 1), (5, 3), (16, 16), (33, 17) })
        {
            float[] Run()
            {
                using var set = new Clusters(path, d, dv, 8, weighted, storage, [1, 7, 40, 129], seed: 1);
                using var rows = new Block(set, count: 13);
                rows.AttendAll(row => row % 3 - 1);
                rows.ShouldMatch();
                return [.. Enumerable.Range(0, 13).SelectMany(row => rows.Finish(row, out _))];
            }

            float[] expected = Run();
            PoisonedMemory.Fill(path, d, dv, storage, weighted);
            Run().ShouldBe(expected);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Member_logits_are_plain_sums_and_the_tiles_bits(SimdPath path, bool weighted, KeyValueStorage storage)
    {
        foreach (int d in new[] { 1, 5, 15, 16, 17, 63, 64, 65, 128, 130 })
        {
            using var set = new Clusters(path, d, 3, 4, weighted, storage, [130], seed: d);
            using var rows = new Block(set, count: 8);
            foreach (int[] indices in new[] { [], [0], [129], [3, 3, 3], [1, 0, 129, 64, 5], Enumerable.Range(0, 130).ToArray() })
            {
                for (int row = 0; row < 8; row++)
                {
                    float[] logits = rows.MemberLogits(row, 0, indices);
                    for (int i = 0; i < indices.Length; i++)
                    {
                        double[] terms = [.. rows.Query(row).Zip(set.Key(0, indices[i]), (a, b) => a * b)];
                        ((double)logits[i]).ShouldBe(terms.Sum(), 1e-6 * terms.Sum(Math.Abs) + 1e-12);
                    }
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Members_values_are_added_with_their_weights(SimdPath path, bool weighted, KeyValueStorage storage)
    {
        var random = new Random(5);
        foreach (int dv in new[] { 1, 5, 16, 17, 63, 64, 65, 130 })
        {
            using var set = new Clusters(path, 3, dv, 4, weighted, storage, [130], seed: dv);
            using var rows = new Block(set, count: 1);
            foreach (int[] slots in new[] { [], [0], [129], [3, 3, 3], [1, 0, 129, 64, 5], Enumerable.Range(0, 130).ToArray() })
            {
                float[] weights = Row(random, slots.Length, 2), sum = rows.AddMembers(0, slots, weights, start: 3, first: 0.5f, firstWeight: -2);
                sum.Length.ShouldBe(dv);
                for (int l = 0; l < dv; l++)
                {
                    double[] terms = [3, -1, .. slots.Select((slot, i) => weights[i] * set.Value(0, slot)[l])];
                    ((double)sum[l]).ShouldBe(terms.Sum(), 1e-6 * terms.Sum(Math.Abs));
                }
            }
        }
    }

    /// <summary>The rounding of a query: largest coordinate to the largest level, all others in proportion.</summary>
    [Theory]
    [MemberData(nameof(Paths))]
    public void Screened_products_are_those_of_the_rounded_query(SimdPath path)
    {
        foreach (int rank in new[] { 4, 8, 20, 32, 64 })
        {
            using var set = new Clusters(path, 8, 3, rank, weighted: false, KeyValueStorage.Fp32, [77, 1], seed: rank);
            using var rows = new Block(set, count: 6);
            var random = new Random(rank);
            for (int row = 0; row < 6; row++)
            {
                float[] coordinates = [.. Enumerable.Range(0, rank).Select(_ => random.NextSingle() * 2 - 1)];
                rows.SetSketch(row, coordinates);
                int levels = KeySketches.QueryLevels(rank);
                double step = coordinates.Max(Math.Abs) / levels;
                ((double)rows.Step(row)).ShouldBe(step, 1e-6 * step);
                int[] query = [.. coordinates.Select(x => (int)Math.Round(x / rows.Step(row)))];
                for (int cluster = 0; cluster < 2; cluster++)
                {
                    int[] products = [.. set.Codes[cluster].Select(code => code.Select((c, i) => c * query[i]).Sum())];
                    foreach (int least in new[] { int.MinValue / 2, products.Min() + 1, products[0], products.Max(), products.Max() + 1, int.MaxValue / 2 })
                    {
                        (int[] slots, int[] found) = rows.Screen(row, cluster, least);
                        slots.ShouldBe(Enumerable.Range(0, rows.Within(row, cluster, least)).Where(i => products[i] >= least));
                        found.ShouldBe(slots.Select(i => products[i]));
                    }
                }
            }
        }
    }

    /// <summary>The least product is the first integer that reaches the threshold.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_least_product_is_rounded_up(SimdPath path, bool weighted, KeyValueStorage storage)
    {
        using var set = new Clusters(path, 16, 3, 8, weighted, storage, [20, 60], seed: 3);
        using var rows = new Block(set, count: 10);
        for (int row = 0; row < 10; row++)
        {
            for (int cluster = 0; cluster < 2; cluster++)
            {
                double step = rows.Step(row);
                double centre = rows.ScreenedCentre(row, cluster);
                foreach (int product in new[] { -300, -1, 0, 1, 2, 50, 400, 1000, 3000, 100_000 })
                {
                    foreach ((double above, int raised) in new[] { (-0.5, 0), (-1e-3, 0), (1e-3, 1), (0.5, 1) })
                    {
                        rows.LeastProduct(row, cluster, centre + step * (product + above)).ShouldBe(product + raised);
                    }
                }
                rows.LeastProduct(row, cluster, double.NegativeInfinity).ShouldBe(int.MinValue / 2);
                rows.LeastProduct(row, cluster, double.PositiveInfinity).ShouldBe(int.MaxValue);
            }
        }
    }

    /// <summary>
    /// A row reads the groups whose longest sketches, or those of later groups, are within its reach: 2.1 deviations of a
    /// product, given the squared norms in three bands of coordinates.
    /// </summary>
    [Theory]
    [MemberData(nameof(Paths))]
    public void A_row_reads_what_is_within_its_reach(SimdPath path)
    {
        foreach ((int rank, (int Start, int End)[] bands) in new (int, (int, int)[])[]
            { (4, [(0, 4)]), (8, [(0, 4), (4, 8)]), (12, [(0, 4), (4, 12)]), (32, [(0, 4), (4, 12), (12, 32)]) })
        {
            // 257 keys need more than a vector of radii.
            using var set = new Clusters(path, 40, 3, rank, weighted: false, KeyValueStorage.Fp32, [1, 16, 65, 300], seed: 3);
            using var rows = new Block(set, count: 10);
            int none = 0, some = 0, all = 0;
            for (int row = 0; row < 10; row++)
            {
                int[] levels = rows.Levels(row);
                for (int cluster = 0; cluster < 4; cluster++)
                {
                    int size = set.Sizes[cluster];
                    double Squares(IEnumerable<int> numbers, (int Start, int End) band) =>
                        numbers.Skip(band.Start).Take(band.End - band.Start).Sum(x => (double)x * x);
                    double[] reaches = [.. Enumerable.Range(0, (size + 15) / 16).Select(group => Math.Sqrt(bands.Sum(band =>
                        4.41 * Squares(levels, band) / (band.End - band.Start) * set.Codes[cluster].Skip(16 * group).Max(code => Squares(code.Select(x => (int)x), band)))))];
                    rows.Within(row, cluster, int.MinValue / 2).ShouldBe(size);
                    rows.Within(row, cluster, 0).ShouldBe(size);
                    rows.Within(row, cluster, int.MaxValue).ShouldBe(0);
                    foreach (double reach in reaches)
                    {
                        foreach (int least in new[] { (int)(reach * 0.9999), (int)(reach * 1.0001) + 1 }.Where(least => least > 0))
                        {
                            int read = rows.Within(row, cluster, least);
                            read.ShouldBe(Math.Min(size, 16 * reaches.Count(other => other >= least)), $"rank {rank} row {row} cluster {cluster} least {least}");
                            _ = read == 0 ? none++ : read == size ? all++ : some++;
                        }
                    }
                }
            }
            Math.Min(none, Math.Min(some, all)).ShouldBeGreaterThan(20);
        }
    }

    /// <summary>A query of zeros, or one too small or large for a step: the cluster's logit alone decides, for all members at once.</summary>
    [Theory]
    [MemberData(nameof(Paths))]
    public void A_query_without_a_sketch_takes_clusters_whole_or_not_at_all(SimdPath path)
    {
        foreach (float coordinate in new[] { 0f, 1e-44f, 1e-38f, float.PositiveInfinity, float.NaN })
        {
            using var set = new Clusters(path, 8, 5, 8, weighted: true, KeyValueStorage.Fp32, [10, 20, 30], seed: 8);
            using var rows = new Block(set, count: 3);
            for (int row = 0; row < 3; row++)
            {
                rows.SetSketch(row, [.. Enumerable.Repeat(coordinate, 8)]);
                rows.Step(row).ShouldBe(0);
            }
            double[] centres = [.. Enumerable.Range(0, 3).Select(cluster => rows.ScreenedCentre(0, cluster))];
            double middle = centres.Order().ElementAt(1);
            for (int cluster = 0; cluster < 3; cluster++)
            {
                rows.LeastProduct(0, cluster, middle).ShouldBe(centres[cluster] == middle ? 0 : centres[cluster] > middle ? int.MinValue / 2 : int.MaxValue);
            }
            int[] members = [.. rows.AttendAll(_ => 0, thresholds: [middle, double.MinValue, double.PositiveInfinity])];
            members.ShouldBe([Enumerable.Range(0, 3).Where(c => centres[c] >= middle).Sum(c => set.Sizes[c]), 60, 0]);
            rows.ShouldMatch();
        }
    }

    /// <summary>Exact rows lie between those that screen; the logits they do not have are what the memory held.</summary>
    [Theory]
    [MemberData(nameof(Paths))]
    public void Rows_that_have_not_attended_the_clusters_do_not_screen(SimdPath path)
    {
        using var set = new Clusters(path, 8, 5, 8, weighted: false, KeyValueStorage.Fp32, [10, 200, 30], seed: 8);
        foreach (float infinity in new[] { float.PositiveInfinity, float.NegativeInfinity, 3e38f })
        {
            // A block takes any of the buffers, of which every other is of NaN.
            for (int i = 0; i < 4; i++)
            {
                PoisonedMemory.Fill(path, 8, 5, KeyValueStorage.Fp32, weighted: false, infinity: infinity);
                using var rows = new Block(set, count: 30, attended: 10);
                rows.AttendAll(_ => 0, rows: 10);
                Enumerable.Range(10, 20).ShouldAllBe(row => rows.MembersOf(row) == 0 && rows.ScreenedOf(row) == 0);
                for (int row = 10; row < 30; row++)
                {
                    rows.Finish(row, out float logSumExp).ShouldAllBe(x => x == 0);
                    logSumExp.ShouldBe(float.NegativeInfinity);
                }
            }
        }
    }

    /// <summary>Blocks are reused: rows of now must not screen with thresholds of before.</summary>
    [Theory]
    [MemberData(nameof(Paths))]
    public void Rows_without_a_threshold_do_not_screen_also_where_earlier_ones_did(SimdPath path)
    {
        using var set = new Clusters(path, 8, 5, 8, weighted: true, KeyValueStorage.Fp32, [10, 200, 30], seed: 8);
        using var rows = new Block(set, count: 40);
        rows.AttendAll(_ => double.NegativeInfinity).ShouldAllBe(members => members == 240);
        foreach (int count in new[] { 40, 13, 1 })
        {
            rows.Restart(count);
            rows.AttendMembers();
            Enumerable.Range(0, count).ShouldAllBe(row => rows.MembersOf(row) == 0 && rows.ScreenedOf(row) == 0);
            // One row alone, in the middle of the others.
            rows.Restart(count);
            rows.AttendAll(_ => 0, thresholds: [.. Enumerable.Range(0, count).Select(row => row == count / 2 ? -1e9 : double.PositiveInfinity)])
                .ShouldBe(Enumerable.Range(0, count).Select(row => row == count / 2 ? 240 : 0));
            rows.ShouldMatch();
        }
    }

    private static float[] Row(Random random, int length, float magnitude) =>
        [.. Enumerable.Range(0, length).Select(_ => magnitude * (2 * random.NextSingle() - 1))];
}
