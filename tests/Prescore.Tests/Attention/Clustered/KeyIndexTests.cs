using CsCheck;
using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Storage;
using Prescore.Tests.Scoring;

namespace Prescore.Tests.Attention.Clustered;

public partial class KeyIndexTests
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
            grown.Index.Newest.Basis!.QueryCoordinates(query, query.Length, coordinates);
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
}
