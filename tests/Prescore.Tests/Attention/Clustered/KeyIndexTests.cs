using CsCheck;
using Prescore.Attention;
using Prescore.Attention.Clustered;
using Prescore.Kernels;
using Prescore.Tests.Scoring;

namespace Prescore.Tests.Attention.Clustered;

public class KeyIndexTests
{
    private const int ValueDimension = 5;

    private static readonly ClusteredOptions Options = new() { FitSteps = 3 };

    public static TheoryData<SimdPath, KeyValueStorage, bool> Kinds
    {
        get
        {
            var kinds = new TheoryData<SimdPath, KeyValueStorage, bool>();
            foreach (SimdPath path in Enum.GetValues<SimdPath>())
            {
                kinds.Add(path, KeyValueStorage.Fp32, false);
                kinds.Add(path, KeyValueStorage.Fp32, true);
                kinds.Add(path, KeyValueStorage.Fp16, false);
            }
            return kinds;
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Clusters_partition_the_keys_and_centroids_are_their_means(SimdPath path, KeyValueStorage storage, bool weighted)
    {
        foreach (int dimension in new[] { 3, 8, 33, 64 })
        {
            using var grown = new Grown(path, storage, weighted, dimension, seed: dimension);
            foreach (int count in new[] { 1, 2, 15, 40, 200, 129, 7 })
            {
                grown.Join(count);
                grown.Check();
                if (grown.Index.RefinementDue)
                {
                    grown.Refine();
                    grown.Check();
                }
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_key_joins_the_nearest_centroid(SimdPath path, KeyValueStorage storage, bool weighted)
    {
        using var grown = new Grown(path, storage, weighted, dimension: 16, seed: 3);
        grown.Join(500);
        grown.Refine();
        // 170 clusters: more than one chunk of the kernel.
        for (int piece = 0; piece < 4; piece++)
        {
            double[][] centroids = grown.Centroids();
            int before = grown.Index.Count;
            int[] labels = grown.Index.Labels();
            grown.Join(37 + piece);
            grown.Index.Labels()[..before].ShouldBe(labels);
            for (int key = before; key < grown.Index.Count; key++)
            {
                double[] distances = [.. centroids.Select(centroid => SquaredDistance(grown.Keys[key], centroid))];
                double rounding = storage == KeyValueStorage.Fp16 ? 0.02 : 1e-4;
                distances[grown.Index.Labels()[key]].ShouldBeLessThanOrEqualTo(distances.Min() + rounding);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_refinement_never_raises_the_squared_distance(SimdPath path, KeyValueStorage storage, bool weighted) =>
        Gen.Select(Gen.Int[2, 600], Gen.Int[1, 20], Gen.Int[0, 1000]).Sample((count, dimension, seed) =>
        {
            using var grown = new Grown(path, storage, weighted, dimension, seed);
            grown.Join((count + 1) / 2);
            grown.Refine();
            grown.Join(count / 2);
            double before = grown.TotalSquaredDistance();
            for (int step = 0; step < 3; step++)
            {
                grown.Refine(steps: 1);
                double after = grown.TotalSquaredDistance();
                after.ShouldBeLessThanOrEqualTo(before * (1 + 1e-5) + 1e-4);
                before = after;
            }
            grown.Check();
        }, iter: 15, threads: 1);

    [Fact]
    public void A_refinement_lowers_the_squared_distance_and_ends_where_every_key_is_at_its_nearest_centre()
    {
        using var grown = new Grown(SimdPaths.Best, KeyValueStorage.Fp32, weighted: false, dimension: 4, seed: 5, ClusterFactor: 1);
        grown.Join(300);
        grown.Join(276);
        double before = grown.TotalSquaredDistance();
        grown.Refine(steps: 60);
        grown.TotalSquaredDistance().ShouldBeLessThan(0.95 * before);
        double[][] centroids = grown.Centroids();
        // 24 clusters: all others are among a centre's neighbours.
        centroids.Length.ShouldBe(24);
        int[] labels = grown.Index.Labels();
        for (int key = 0; key < labels.Length; key++)
        {
            double[] distances = [.. centroids.Select(centroid => SquaredDistance(grown.Keys[key], centroid))];
            distances[labels[key]].ShouldBeLessThanOrEqualTo(distances.Min() + 1e-4);
        }
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(2)]
    [InlineData(5)]
    public void There_are_as_many_clusters_as_wanted(double factor)
    {
        using var grown = new Grown(SimdPaths.Best, KeyValueStorage.Fp32, weighted: false, dimension: 16, seed: 2, ClusterFactor: factor);
        foreach (int count in new[] { 100, 300, 600, 1000 })
        {
            grown.Join(count);
            grown.Refine(steps: 0);
            int wanted = (int)Math.Ceiling(factor * Math.Sqrt(grown.Index.Count));
            // A far key may cover several of the marks at which clusters start.
            grown.Index.Clusters.ShouldBeInRange(wanted * 19 / 20, wanted);
            grown.Refine(steps: 3);
            grown.Index.Clusters.ShouldBeInRange(wanted * 9 / 10, wanted);
        }
    }

    /// <summary>Codes round coordinates relative to the mean of the last refinement; later keys take the same mean.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Sketches_are_the_keys_coordinates_relative_to_the_mean_when_they_were_fitted(SimdPath path, KeyValueStorage storage, bool weighted)
    {
        foreach (int rank in new[] { 4, 16, 32 })
        {
            using var grown = new Grown(path, storage, weighted, dimension: 20, seed: rank, rank: rank);
            grown.AddQueries(50);
            grown.Join(300);
            // The first keys are fitted as they come.
            double[][] anchors = grown.Centroids();
            SketchBasis basis = grown.Index.Newest.Basis!;
            grown.CheckSketches(anchors);
            grown.Join(40);
            grown.Index.Newest.Basis!.ShouldBeSameAs(basis);
            grown.CheckSketches(anchors, fitted: 300);
            grown.Refine();
            grown.Index.Newest.Basis!.ShouldNotBeSameAs(basis);
            anchors = grown.Centroids();
            grown.CheckSketches(anchors);
            grown.Join(100);
            grown.CheckSketches(anchors, fitted: 340);
        }
    }

    /// <summary>With room for all directions the error is that of rounding to codes alone.</summary>
    [Fact]
    public void Sketch_products_near_the_logits_relative_to_the_centroid()
    {
        using var grown = new Grown(SimdPaths.Best, KeyValueStorage.Fp32, weighted: false, dimension: 16, seed: 3, rank: 16);
        grown.AddQueries(200);
        grown.Join(600);
        grown.Refine();
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
        Math.Sqrt(error / all).ShouldBeLessThan(0.12);
    }

    /// <summary>The queries say which directions matter: two dimensions of eight are all that they see.</summary>
    [Fact]
    public void Queries_shape_the_sketches()
    {
        using var grown = new Grown(SimdPaths.Best, KeyValueStorage.Fp32, weighted: false, dimension: 8, seed: 3, rank: 4);
        for (int i = 0; i < 20; i++)
        {
            grown.Queries.Add([0, 0, 3 - i % 2, 0, 0, i % 3, 0, 0]);
        }
        grown.Join(200);
        float[] keys = [.. grown.Index.Newest.Basis!.Keys];
        double Seen(int l) => Enumerable.Range(0, 2).Sum(c => Math.Abs(keys[l * 4 + c]));
        (Seen(2) + Seen(5)).ShouldBeGreaterThan(20 * new[] { 0, 1, 3, 4, 6, 7 }.Max(Seen));
    }

    /// <summary>A generation is complete at its size, counted in whole joins; the next is no smaller, and at last half of what is before it.</summary>
    [Fact]
    public void Generations_follow_each_other_and_grow()
    {
        using var grown = new Grown(SimdPaths.Best, KeyValueStorage.Fp32, weighted: false, dimension: 6, seed: 8, generation: 100);
        for (int i = 0; i < 20; i++)
        {
            grown.Join(40);
            grown.Check();
            grown.RefineIfDue();
            grown.Check();
        }
        grown.Index.Generations.Select(generation => (generation.FirstKey, generation.Count)).ShouldBe([(0, 120), (120, 120), (240, 120), (360, 200), (560, 240)]);
        (grown.Index.Newest.Size, grown.Index.RefinementDue).ShouldBe((280, false));
        foreach (KeyGeneration generation in grown.Index.Generations)
        {
            int wanted = (int)Math.Ceiling(2 * generation.Count / Math.Sqrt(generation.FirstKey + generation.Count));
            generation.Clusters.Count.ShouldBeInRange(wanted * 4 / 5, wanted);
            int[] keys = [.. generation.Clusters.SelectMany(cluster => cluster.Indices.ToArray()).Order()];
            keys.ShouldBe(Enumerable.Range(generation.FirstKey, generation.Count));
        }
        grown.Index.Generations.Select(generation => generation.Basis).Distinct().Count().ShouldBe(5);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Later_keys_change_nothing_in_a_complete_generation(SimdPath path, KeyValueStorage storage, bool weighted)
    {
        using var grown = new Grown(path, storage, weighted, dimension: 12, seed: 8, generation: 150);
        grown.Join(150);
        // Complete: one more refinement, whatever the growth.
        grown.Index.RefinementDue.ShouldBeTrue();
        grown.RefineIfDue();
        grown.Index.RefinementDue.ShouldBeFalse();
        int[] labels = grown.Index.Labels();
        double[][] centroids = grown.Centroids();
        SketchBasis basis = grown.Index.Newest.Basis!;
        sbyte[][] codes = ClusteredTrace.KeyValueHead.Of(grown.Index).Codes;
        for (int i = 0; i < 3; i++)
        {
            grown.Join(90);
            grown.RefineIfDue();
            grown.Check();
            grown.Index.Labels()[..150].ShouldBe(labels);
            grown.Index.Labels()[150..].Min().ShouldBe(centroids.Length);
            grown.Centroids().Take(centroids.Length).ShouldBe(centroids);
            grown.Index.Generations[0].Basis.ShouldBeSameAs(basis);
            ClusteredTrace.KeyValueHead.Of(grown.Index).Codes.Take(150).ShouldBe(codes);
        }
        grown.Index.Generations.Count.ShouldBe(3);
    }

    /// <summary>Clusters of earlier generations may be nearer, and more than one chunk of the kernel.</summary>
    [Fact]
    public void A_key_joins_the_nearest_centroid_of_the_newest_generation()
    {
        using var grown = new Grown(SimdPaths.Best, KeyValueStorage.Fp32, weighted: false, dimension: 16, seed: 3, ClusterFactor: 6, generation: 500);
        grown.Join(500);
        grown.Join(300);
        int first = grown.Index.Newest.FirstCluster, before = grown.Index.Count;
        first.ShouldBeGreaterThan(KeyRegion.ChunkKeys);
        double[][] centroids = grown.Centroids();
        centroids.Length.ShouldBeGreaterThan(first);
        grown.Join(50);
        int nearerBefore = 0;
        for (int key = before; key < grown.Index.Count; key++)
        {
            double[] distances = [.. centroids.Select(centroid => SquaredDistance(grown.Keys[key], centroid))];
            grown.Index.Labels()[key].ShouldBeGreaterThanOrEqualTo(first);
            distances[grown.Index.Labels()[key]].ShouldBeLessThanOrEqualTo(distances[first..].Min() + 1e-4);
            nearerBefore += distances[..first].Min() < distances[first..].Min() ? 1 : 0;
        }
        nearerBefore.ShouldBeGreaterThan(5);
    }

    [Theory]
    [InlineData(100)]
    [InlineData(4096)]
    public void Clusters_are_foretold_for_all_generations(int generation)
    {
        ClusteredOptions options = new() { FirstGeneration = generation, ClusterFactor = 1.5 };
        foreach (int far in new[] { 0, 1, 50, 100, 101, 5000, 20000 })
        {
            int expected = 0, keys = 0;
            while (keys < far)
            {
                int size = Math.Min(far - keys, Math.Max(generation, keys / 2));
                expected += (int)Math.Ceiling(1.5 * size / Math.Sqrt(keys + size));
                keys += size;
            }
            options.AllClusters(far).ShouldBe(Math.Min(expected, far), $"{far} keys");
        }
    }

    [Fact]
    public void An_empty_index_has_no_generation()
    {
        using var index = new KeyIndex(new IndexSettings(Options, AttentionOptions.Default, 0, 8, ValueDimension, Weighted: false, new SecondMoment(8)));
        index.Generations.ShouldBeEmpty();
        index.Join(new float[8], new float[ValueDimension], default, 1);
        index.Newest.Basis!.Rank.ShouldBe(32);
        index.Clear();
        index.Generations.ShouldBeEmpty();
        index.Join([], [], default, 0);
        (index.Count, index.Clusters).ShouldBe((0, 0));
    }

    [Fact]
    public void Keys_that_are_equal_stay_one_cluster()
    {
        using var index = new KeyIndex(new IndexSettings(Options, AttentionOptions.Default, 0, 8, ValueDimension, Weighted: false, new SecondMoment(8)));
        float[] keys = [.. Enumerable.Repeat(0.3f, 8 * 200)], values = new float[ValueDimension * 200];
        index.Join(keys, values, default, 200);
        Refine(index, 3, Each);
        index.Join(keys, values, default, 200);
        Refine(index, 3, Each);
        index.Count.ShouldBe(400);
        index.Clusters.ShouldBe(1);
    }

    [Fact]
    public void A_cleared_index_grows_as_a_new_one()
    {
        using var first = new Grown(SimdPaths.Best, KeyValueStorage.Fp32, weighted: false, dimension: 8, seed: 1);
        first.Join(200);
        first.Refine();
        int[] labels = first.Index.Labels();
        first.Index.Clear();
        (first.Index.Count, first.Index.Clusters).ShouldBe((0, 0));
        first.Keys.Clear();
        first.Restart();
        first.Join(200);
        first.Refine();
        first.Index.Labels().ShouldBe(labels);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    public void A_refinement_that_is_due_is_made_in_one_call(int steps)
    {
        var settings = new IndexSettings(Options with { FitSteps = steps }, AttentionOptions.Default, 0, 8, 8, Weighted: false, new SecondMoment(8));
        using KeyIndex first = new(settings), second = new(settings);
        foreach (int count in new[] { 200, 10, 200 })
        {
            float[] keys = ScoringKeys.Clustered(count, 8, (ulong)count);
            first.Join(keys, keys, default, count);
            second.Join(keys, keys, default, count);
            second.RefinementDue.ShouldBe(count == 200);
            first.RefineIfDue();
            if (second.RefinementDue)
            {
                Refine(second, steps, Each);
            }
            first.Labels().ShouldBe(second.Labels());
            first.RefinementDue.ShouldBeFalse();
        }
    }

    [Fact]
    public void Parts_of_a_refinement_may_run_in_any_order()
    {
        int[] Labels(Action<int, Action<int>> run)
        {
            using var grown = new Grown(SimdPaths.Best, KeyValueStorage.Fp32, weighted: false, dimension: 8, seed: 4);
            grown.Join(1000);
            grown.Refine(steps: 3, run);
            grown.Join(500);
            grown.Refine(steps: 3, run);
            return grown.Index.Labels();
        }

        int[] expected = Labels(Each);
        Labels((count, body) =>
        {
            for (int i = count - 1; i >= 0; i--)
            {
                body(i);
            }
        }).ShouldBe(expected);
        Labels((count, body) => Parallel.For(0, count, body)).ShouldBe(expected);
    }

    private static void Each(int count, Action<int> body)
    {
        for (int i = 0; i < count; i++)
        {
            body(i);
        }
    }

    private static void Refine(KeyIndex index, int steps, Action<int, Action<int>> run)
    {
        KeyGeneration newest = index.Newest;
        newest.BeginRefinement();
        for (int step = 0; step < steps; step++)
        {
            run(newest.Refinement.Parts, newest.Refinement.FindMoves);
            newest.Refinement.Apply();
        }
        newest.EndRefinement();
    }

    private static double SquaredDistance(double[] a, double[] b) => a.Zip(b, (x, y) => (x - y) * (x - y)).Sum();

    /// <summary>An index and the keys it was given.</summary>
    private sealed class Grown : IDisposable
    {
        private readonly KeyValueStorage _storage;
        private readonly bool _weighted;
        private readonly int _dimension;
        private readonly int _seed;
        private readonly double _factor;
        private Random _random;

        public Grown(SimdPath path, KeyValueStorage storage, bool weighted, int dimension, int seed, double ClusterFactor = 2, int rank = 32, int generation = 4096)
        {
            (_storage, _weighted, _dimension, _seed, _factor) = (storage, weighted, dimension, seed, ClusterFactor);
            _random = new Random(seed);
            Queries = new SecondMoment(dimension);
            var options = new ClusteredOptions { Storage = storage, ClusterFactor = ClusterFactor, SketchRank = rank, FirstGeneration = generation };
            Index = new KeyIndex(new IndexSettings(
                options, new AttentionOptions { Simd = path, Seed = 9, Layer = 2 }, Head: 1, dimension, ValueDimension, weighted, Queries));
        }

        public KeyIndex Index { get; }

        public SecondMoment Queries { get; }

        /// <summary>Keys as stored.</summary>
        public List<double[]> Keys { get; } = [];

        private List<double[]> Values { get; } = [];

        private List<double> LogWeights { get; } = [];

        public void Restart()
        {
            _random = new Random(_seed);
            Values.Clear();
            LogWeights.Clear();
        }

        public void Join(int count)
        {
            float[] keys = [.. ScoringKeys.Clustered(count, _dimension, (ulong)(_seed + Index.Count), scale: 0.3)];
            float[] values = [.. Enumerable.Range(0, count * ValueDimension).Select(_ => _random.NextSingle())];
            float[] logWeights = _weighted ? [.. Enumerable.Range(0, count).Select(_ => 4 * _random.NextSingle() - 2)] : [];
            Keys.AddRange(keys.Chunk(_dimension).Select(Stored));
            Values.AddRange(values.Chunk(ValueDimension).Select(Stored));
            LogWeights.AddRange(_weighted ? logWeights.Select(x => (double)x) : Enumerable.Repeat(0.0, count));
            Index.Join(keys, values, logWeights, count);
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
        public void CheckSketches(double[][] anchors, int fitted = int.MaxValue)
        {
            SketchBasis basis = Index.Newest.Basis!;
            int rank = basis.Rank;
            var head = ClusteredTrace.KeyValueHead.Of(Index);
            int clamped = 0;
            for (int key = 0; key < Keys.Count; key++)
            {
                for (int c = 0; c < rank; c++)
                {
                    double coordinate = Enumerable.Range(0, _dimension).Sum(l => basis.Keys[l * rank + c] * (Keys[key][l] - anchors[head.Labels[key]][l]));
                    clamped += Math.Abs(coordinate) > 15.5 && key < fitted ? 1 : 0;
                    ((double)head.Codes[key][c]).ShouldBe(Math.Clamp(coordinate, -15, 15), 0.5 + 1e-3);
                }
            }
            clamped.ShouldBeLessThan(Keys.Count * rank / 100);
            // Not all zeros, which would be near as well.
            head.Codes.Sum(code => code.Sum(c => Math.Abs(c))).ShouldBeGreaterThan(Keys.Count);
        }

        public void RefineIfDue() => Index.RefineIfDue();

        public void Refine(int steps = 3, Action<int, Action<int>>? run = null) => KeyIndexTests.Refine(Index, steps, run ?? Each);

        public double[][] Centroids() => [.. Enumerable.Range(0, Index.Clusters).Select(c =>
        {
            var mean = new float[_dimension];
            Index.Centroids.Means.ReadKey(c, mean);
            return mean.Select(x => (double)x).ToArray();
        })];

        /// <summary>Of the keys to the plain or, with log-weights, weighted mean of their cluster, weighted.</summary>
        public double TotalSquaredDistance()
        {
            int[] labels = Index.Labels();
            double[][] means = [.. Enumerable.Range(0, Index.Clusters).Select(c => Mean(labels, c, Keys))];
            return labels.Select((label, key) => SquaredDistance(Keys[key], means[label]) * Math.Exp(LogWeights[key])).Sum();
        }

        public void Check()
        {
            Index.Count.ShouldBe(Keys.Count);
            int[] labels = Index.Labels();
            labels.Length.ShouldBe(Keys.Count);
            Index.Clusters.ShouldBeLessThanOrEqualTo(Index.Generations.Sum(generation =>
                Math.Max(1, (int)Math.Ceiling(_factor * generation.Count / Math.Sqrt(generation.FirstKey + generation.Count)))));
            (Index.Centroids.Count, labels.Max() + 1, labels.Distinct().Count()).ShouldBe((Index.Clusters, Index.Clusters, Index.Clusters));
            Enumerable.Range(0, Index.Clusters).Sum(c => Index.Region(c).Count).ShouldBe(Keys.Count);
            CheckCentroids(labels);
            CheckCopy();
        }

        public void Dispose() => Index.Dispose();

        private void CheckCentroids(int[] labels)
        {
            double[][] centroids = Centroids();
            for (int c = 0; c < Index.Clusters; c++)
            {
                double[] key = Mean(labels, c, Keys), value = Mean(labels, c, Values);
                centroids[c].Zip(key, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(1e-5);
                var meanValue = new float[ValueDimension];
                Index.Centroids.Means.ReadValue(c, meanValue);
                meanValue.Zip(value, (a, b) => Math.Abs(a - b)).Max().ShouldBeLessThan(1e-5);
                Index.Region(c).Count.ShouldBe(labels.Count(label => label == c));
                Index.Indices(c).ToArray().Order().ShouldBe(Enumerable.Range(0, labels.Length).Where(i => labels[i] == c));
                double weight = labels.Select((label, i) => label == c ? Math.Exp(LogWeights[i]) : 0).Sum();
                ((double)Index.Centroids.LogWeight(c)).ShouldBe(Math.Log(weight), 1e-5);
                ((double)Index.Centroids.MeanLogWeight(c)).ShouldBe(Math.Log(weight / Index.Region(c).Count), 1e-5);
                ((double)Index.Centroids.HalfNorms[c]).ShouldBe(key.Sum(x => x * x) / 2, 1e-4);
            }
        }

        private void CheckCopy()
        {
            float[] keys = new float[Keys.Count * _dimension], values = new float[Keys.Count * ValueDimension];
            Index.CopyTo(keys, values);
            keys.Select(x => (double)x).ShouldBe(Keys.SelectMany(key => key));
            values.Select(x => (double)x).ShouldBe(Values.SelectMany(value => value));
        }

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

        private double[] Stored(float[] row) => [.. row.Select(x => _storage == KeyValueStorage.Fp16 ? (double)(Half)x : x)];
    }
}
