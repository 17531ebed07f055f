using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Numerics;
using Prescore.Tests.Scoring;

namespace Prescore.Tests.Attention.Clustered;

public class KeyIndexTests
{
    private const int ValueDimension = 5;

    public static TheoryData<SimdPath, bool> Kinds => new()
    {
        { SimdPath.Scalar, false }, { SimdPath.Vector256, false }, { SimdPath.Vector512, false }, { SimdPath.Scalar, true }, { SimdPath.Vector512, true },
    };

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Clusters_partition_the_keys_and_centroids_are_their_means(SimdPath path, bool weighted)
    {
        foreach (int dimension in new[] { 3, 8, 33, 64 })
        {
            using var grown = new Grown(path, weighted, dimension, seed: dimension);
            foreach (int count in new[] { 1, 2, 15, 40, 200, 129, 7, 30, 600 })
            {
                grown.Join(count);
                grown.Check();
            }
        }
    }

    /// <summary>Between refinements a key joins the nearest centroid of the newest segment, and no other key moves.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_key_joins_the_nearest_centroid_of_the_newest_segment(SimdPath path, bool weighted)
    {
        using var grown = new Grown(path, weighted, dimension: 16, seed: 3, factor: 6, segment: 500);
        grown.Join(500);
        grown.Join(300);
        int first = grown.Index.Newest.FirstCluster, nearerBefore = 0;
        first.ShouldBeGreaterThan(64);
        for (int piece = 0; piece < 3; piece++)
        {
            double[][] centroids = grown.Centroids();
            int before = grown.Index.Count;
            int[] labels = grown.Index.Labels();
            grown.Join(17 + piece);
            grown.Index.Labels()[..before].ShouldBe(labels);
            foreach (int key in Enumerable.Range(before, 17 + piece))
            {
                double[] distances = [.. centroids.Select(centroid => SquaredDistance(grown.Keys[key], centroid))];
                int label = grown.Index.Labels()[key];
                label.ShouldBeGreaterThanOrEqualTo(first);
                distances[label].ShouldBeLessThanOrEqualTo(distances[first..].Min() + 1e-4);
                nearerBefore += distances[..first].Min() < distances[first..].Min() ? 1 : 0;
            }
        }
        nearerBefore.ShouldBeGreaterThan(0);
    }

    /// <summary>Lloyd steps lower the distances, the more the better.</summary>
    [Fact]
    public void Refinements_lower_the_squared_distance()
    {
        double Distance(int steps, double growth)
        {
            using var grown = new Grown(SimdPaths.Best, weighted: false, dimension: 8, seed: 5, steps: steps, growth: growth);
            for (int i = 0; i < 12; i++)
            {
                grown.Join(100);
            }
            grown.Check();
            return grown.TotalSquaredDistance();
        }

        double none = Distance(0, 1.3), two = Distance(2, 1.3), ten = Distance(10, 1.3), rare = Distance(2, 16);
        two.ShouldBeLessThan(0.98 * none);
        ten.ShouldBeLessThanOrEqualTo(two * 1.05);
        two.ShouldBeLessThan(0.98 * rare);
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(2)]
    [InlineData(5)]
    public void There_are_as_many_clusters_as_wanted(double factor)
    {
        using var grown = new Grown(SimdPaths.Best, weighted: false, dimension: 16, seed: 2, factor: factor);
        foreach (int count in new[] { 100, 300, 600, 1000 })
        {
            grown.Join(count);
            int wanted = (int)Math.Ceiling(factor * Math.Sqrt(grown.Index.Count));
            // A far key may cover several of the marks at which clusters start, and a cluster may lose its keys.
            grown.Index.Clusters.ShouldBeInRange(wanted * 4 / 5, wanted);
        }
    }

    /// <summary>Codes round coordinates relative to the mean of the last refinement; later keys take the same mean.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Sketches_are_the_keys_coordinates_relative_to_the_mean_when_they_were_fitted(SimdPath path, bool weighted)
    {
        foreach (int rank in new[] { 4, 16, 32 })
        {
            using var grown = new Grown(path, weighted, dimension: 20, seed: rank, rank: rank);
            grown.AddQueries(50);
            grown.Join(300);
            double[][] anchors = grown.Centroids();
            SketchBasis basis = grown.Index.Newest.Basis!;
            grown.CheckSketches(anchors, 300);
            grown.Join(40);
            grown.Index.Newest.Basis!.ShouldBeSameAs(basis);
            grown.CheckSketches(anchors, 300);
            // Grown by three tenths: refined.
            grown.Join(60);
            grown.Index.Newest.Basis!.ShouldNotBeSameAs(basis);
            anchors = grown.Centroids();
            grown.CheckSketches(anchors, 400);
        }
    }

    /// <summary>With room for all directions the error is that of rounding to codes alone.</summary>
    [Fact]
    public void Sketch_products_near_the_logits_relative_to_the_centroid()
    {
        using var grown = new Grown(SimdPaths.Best, weighted: false, dimension: 16, seed: 3, rank: 16);
        grown.AddQueries(200);
        grown.Join(600);
        double[][] means = grown.Centroids();
        int[] labels = grown.Index.Labels();
        sbyte[][] codes = ClusteredTrace.KeyValueHead.Of(grown.Index).Codes;
        double error = 0, all = 0;
        foreach (float[] query in grown.NewQueries(50))
        {
            var coordinates = new float[16];
            grown.Index.Newest.Basis!.QueryCoordinates(query, coordinates);
            for (int key = 0; key < labels.Length; key++)
            {
                double exact = query.Select((x, l) => x * (grown.Keys[key][l] - means[labels[key]][l])).Sum();
                double sketched = coordinates.Select((x, c) => (double)x * codes[key][c]).Sum();
                error += Math.Pow(sketched - exact, 2);
                all += exact * exact;
            }
        }
        Math.Sqrt(error / all).ShouldBeLessThan(0.04);
    }

    /// <summary>A segment is complete at its size, counted in whole joins; the next is no smaller, and at last as large as all before it.</summary>
    [Fact]
    public void Segments_follow_each_other_and_grow_and_complete_ones_stay()
    {
        using var grown = new Grown(SimdPaths.Best, weighted: false, dimension: 6, seed: 8, segment: 100);
        var complete = new Dictionary<int, int[]>();
        for (int i = 0; i < 20; i++)
        {
            grown.Join(40);
            grown.Check();
            int[] labels = grown.Index.Labels();
            foreach (KeySegment segment in grown.Index.Segments.SkipLast(1))
            {
                int[] own = labels[segment.FirstKey..(segment.FirstKey + segment.Count)];
                own.ShouldBe(complete.TryAdd(segment.FirstKey, own) ? own : complete[segment.FirstKey]);
            }
        }
        grown.Index.Segments.Select(segment => (segment.FirstKey, segment.Count)).ShouldBe([(0, 120), (120, 120), (240, 240), (480, 320)]);
        grown.Index.Newest.Size.ShouldBe(480);
        grown.Index.Segments.Select(segment => segment.Basis).Distinct().Count().ShouldBe(4);
    }

    /// <summary>Tiles number keys in 16 bits: where all come at once, they are cut.</summary>
    [Fact]
    public void No_segment_has_more_keys_than_tiles_can_number()
    {
        using var grown = new Grown(SimdPaths.Best, weighted: false, dimension: 2, seed: 8, factor: 0.02);
        grown.Join(70_000);
        grown.Index.Segments.Select(segment => segment.Count).ShouldBe([65536, 70_000 - 65536]);
        grown.Index.Labels().Distinct().Count().ShouldBe(grown.Index.Clusters);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(4096)]
    public void Clusters_are_foretold_for_all_segments(int segment)
    {
        ClusteredOptions options = new() { FirstSegment = segment, ClusterFactor = 1.5 };
        foreach (int far in new[] { 0, 1, 50, 100, 101, 5000, 20000 })
        {
            int expected = 0, keys = 0;
            while (keys < far)
            {
                int size = Math.Min(far - keys, Math.Max(segment, keys));
                expected += (int)Math.Ceiling(1.5 * size / Math.Sqrt(keys + size));
                keys += size;
            }
            options.AllClusters(far).ShouldBe(Math.Min(expected, far), $"{far} keys");
        }
    }

    [Fact]
    public void Keys_that_are_equal_stay_one_cluster()
    {
        using KeyIndex index = Create(new ClusteredOptions(), SimdPaths.Best, 8, weighted: false, new SecondMoment(8));
        for (int i = 0; i < 400; i++)
        {
            index.Store.Append([.. Enumerable.Repeat(0.3f, 8)], new float[ValueDimension], 0);
        }
        index.Join(200);
        index.Join(200);
        (index.Count, index.Clusters).ShouldBe((400, 1));
    }

    [Fact]
    public void A_cleared_index_grows_from_its_store_as_it_did()
    {
        using var grown = new Grown(SimdPaths.Best, weighted: false, dimension: 8, seed: 1, segment: 150);
        foreach (int count in new[] { 200, 30, 100 })
        {
            grown.Join(count);
        }
        int[] labels = grown.Index.Labels();
        grown.Index.Clear();
        (grown.Index.Count, grown.Index.Clusters).ShouldBe((0, 0));
        grown.Index.Segments.ShouldBeEmpty();
        foreach (int count in new[] { 200, 30, 100 })
        {
            grown.Index.Join(count);
        }
        grown.Index.Labels().ShouldBe(labels);
        grown.Check();
    }

    private static KeyIndex Create(ClusteredOptions options, SimdPath path, int dimension, bool weighted, SecondMoment queries) => new(new IndexSettings(
        options, new AttentionOptions { Simd = path, Seed = 9, Layer = 2 }, Head: 1, dimension, ValueDimension, weighted, queries));

    private static double SquaredDistance(double[] a, double[] b) => a.Zip(b, (x, y) => (x - y) * (x - y)).Sum();

    /// <summary>An index and the keys it was given.</summary>
    private sealed class Grown : IDisposable
    {
        private readonly bool _weighted;
        private readonly int _dimension;
        private readonly int _seed;
        private readonly double _factor;
        private readonly Random _random;

        public Grown(
            SimdPath path, bool weighted, int dimension, int seed, double factor = 2, int rank = 32, int segment = 4096, int steps = 3, double growth = 1.3)
        {
            (_weighted, _dimension, _seed, _factor) = (weighted, dimension, seed, factor);
            _random = new Random(seed);
            Queries = new SecondMoment(dimension);
            var options = new ClusteredOptions
            {
                ClusterFactor = factor,
                SketchRank = rank,
                FirstSegment = segment,
                FitSteps = steps,
                RefitGrowth = growth,
            };
            Index = Create(options, path, dimension, weighted, Queries);
        }

        public KeyIndex Index { get; }

        public SecondMoment Queries { get; }

        /// <summary>Keys as stored.</summary>
        public List<double[]> Keys { get; } = [];

        private List<double[]> Values { get; } = [];

        private List<double> LogWeights { get; } = [];

        public void Join(int count)
        {
            float[][] keys = [.. ScoringKeys.Clustered(count, _dimension, (ulong)(_seed + Index.Count), scale: 0.3).Chunk(_dimension)];
            float[] key = new float[_dimension], value = new float[ValueDimension];
            foreach (float[] given in keys)
            {
                float logWeight = _weighted ? 4 * _random.NextSingle() - 2 : 0;
                Index.Store.Append(given, [.. Enumerable.Range(0, ValueDimension).Select(_ => _random.NextSingle())], logWeight);
                Index.Store.ReadKey(Index.Store.Count - 1, key);
                Index.Store.ReadValue(Index.Store.Count - 1, value);
                Keys.Add([.. key.Select(x => (double)x)]);
                Values.Add([.. value.Select(x => (double)x)]);
                LogWeights.Add(logWeight);
            }
            Index.Join(count);
        }

        public void AddQueries(int count)
        {
            foreach (float[] query in NewQueries(count))
            {
                Queries.Add(query);
            }
        }

        public float[][] NewQueries(int count) =>
            [.. Enumerable.Range(0, count).Select(_ => Enumerable.Range(0, _dimension).Select(l => (_random.NextSingle() - 0.5f) * (l + 1)).ToArray())];

        /// <summary>Codes are within rounding of the coordinates of key − anchor, clamped.</summary>
        public void CheckSketches(double[][] anchors, int fitted)
        {
            SketchBasis basis = Index.Newest.Basis!;
            int rank = basis.Rank, clamped = 0;
            var head = ClusteredTrace.KeyValueHead.Of(Index);
            for (int key = 0; key < Keys.Count; key++)
            {
                for (int c = 0; c < rank; c++)
                {
                    double coordinate = Enumerable.Range(0, _dimension).Sum(l => basis.Keys[l * rank + c] * (Keys[key][l] - anchors[head.Labels[key]][l]));
                    clamped += Math.Abs(coordinate) > 63.5 && key < fitted ? 1 : 0;
                    ((double)head.Codes[key][c]).ShouldBe(Math.Clamp(coordinate, -63, 63), 0.5 + 1e-3);
                }
            }
            clamped.ShouldBeLessThan(Keys.Count * rank / 100);
            // Not all zeros, which would be near as well.
            head.Codes.Sum(code => code.Sum(c => Math.Abs(c))).ShouldBeGreaterThan(Keys.Count);
        }

        public double[][] Centroids() => [.. Enumerable.Range(0, Index.Clusters).Select(c =>
        {
            var mean = new float[_dimension];
            Index.Centroids.ReadKey(c, mean);
            return mean.Select(x => (double)x).ToArray();
        })];

        public double TotalSquaredDistance()
        {
            int[] labels = Index.Labels();
            double[][] means = [.. Enumerable.Range(0, Index.Clusters).Select(c => Mean(labels, c, Keys))];
            return labels.Select((label, key) => SquaredDistance(Keys[key], means[label])).Sum();
        }

        public unsafe void Check()
        {
            Index.Count.ShouldBe(Keys.Count);
            int[] labels = Index.Labels();
            Index.Clusters.ShouldBeLessThanOrEqualTo(Index.Segments.Sum(segment =>
                Math.Max(1, (int)Math.Ceiling(_factor * segment.Count / Math.Sqrt(segment.FirstKey + segment.Count)))));
            (Index.Centroids.Count, labels.Max() + 1, labels.Distinct().Count()).ShouldBe((Index.Clusters, Index.Clusters, Index.Clusters));
            double[][] centroids = Centroids();
            for (int c = 0; c < Index.Clusters; c++)
            {
                centroids[c].Zip(Mean(labels, c, Keys), (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(1e-5);
                var meanValue = new float[ValueDimension];
                Index.Centroids.ReadValue(c, meanValue);
                meanValue.Zip(Mean(labels, c, Values), (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(1e-5);
                double weight = labels.Select((label, i) => label == c ? Math.Exp(LogWeights[i]) : 0).Sum();
                int members = labels.Count(label => label == c);
                ((double)Index.Centroids.LogWeights[c]).ShouldBe(Math.Log(weight), 1e-5);
                ((double)Index.Centroids.MeanLogWeights[c]).ShouldBe(Math.Log(weight / members), 1e-5);
                Index.Centroids.Weights[c].ShouldBe(_weighted ? 1 : members);
            }
            foreach (KeySegment segment in Index.Segments)
            {
                // Sections cover all clusters, one after the other.
                segment.Sections.Select(section => section.First).ShouldBe(
                    segment.Sections.Select((_, i) => segment.Sections.Take(i).Sum(section => section.Clusters)));
                segment.Sections.Sum(section => section.Clusters).ShouldBe(segment.Clusters);
                segment.Sections.Sum(section => section.Keys).ShouldBe(segment.Count);
                segment.Sections.ShouldAllBe(section => section.Clusters <= 64);
            }
        }

        public void Dispose() => Index.Dispose();

        private double[] Mean(int[] labels, int cluster, List<double[]> rows)
        {
            var sum = new double[rows[0].Length];
            double weights = 0;
            for (int i = 0; i < labels.Length; i++)
            {
                if (labels[i] == cluster)
                {
                    double weight = Math.Exp(LogWeights[i]);
                    weights += weight;
                    for (int l = 0; l < sum.Length; l++)
                    {
                        sum[l] += weight * rows[i][l];
                    }
                }
            }
            return [.. sum.Select(x => x / weights)];
        }
    }
}
