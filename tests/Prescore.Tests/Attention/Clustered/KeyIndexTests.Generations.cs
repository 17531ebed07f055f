using Prescore.Attention.Clustered;
using Prescore.Kernels;
using Prescore.Storage;

namespace Prescore.Tests.Attention.Clustered;

/// <summary>How keys of one time are kept together.</summary>
public partial class KeyIndexTests
{
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
}
