using Prescore.Attention.Clustered;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Tests.Attention.Clustered;

public class KeyClusterTests
{
    private const int D = 20, Dv = 7, Rank = 12;

    public static TheoryData<SimdPath, KeyValueStorage, int> Kinds
    {
        get
        {
            var kinds = new TheoryData<SimdPath, KeyValueStorage, int>();
            foreach (SimdPath path in Enum.GetValues<SimdPath>())
            {
                foreach (KeyValueStorage storage in Enum.GetValues<KeyValueStorage>())
                {
                    foreach (int count in new[] { 1, 15, 65, 257 })
                    {
                        kinds.Add(path, storage, count);
                    }
                }
            }
            return kinds;
        }
    }

    /// <summary>What a key adds to a logit, squared, mean over queries: xᵀMx for a basis of full rank, one factor for all keys.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Lengths_of_sketches_are_mean_squares_of_logits(SimdPath path, KeyValueStorage storage, int count)
    {
        float[] moments = [.. Enumerable.Range(0, D).Select(l => 1f / (1 + l))];
        var queries = new double[D * D];
        var keys = new double[D * D];
        for (int l = 0; l < D; l++)
        {
            (queries[l * D + l], keys[l * D + l]) = (moments[l], 1);
        }
        // All directions: nothing is left out.
        SketchBasis basis = SketchBasis.Fit(queries, keys, D, D, start: null);
        using KeyCluster cluster = Filled(path, storage, count, D);
        Span<float> mean = stackalloc float[D];
        cluster.MeanKey(mean);
        var lengths = new float[count];
        using NativeBuffer products = NativeBuffer.Rent((nint)basis.PaddedRank * KeyRegion.ChunkKeys);
        cluster.SketchLengths(basis, mean, products.Span, lengths);
        var expected = new double[count];
        var key = new float[D];
        for (int slot = 0; slot < count; slot++)
        {
            cluster.Region.ReadKey(slot, key);
            for (int l = 0; l < D; l++)
            {
                expected[slot] += moments[l] * Math.Pow(key[l] - mean[l], 2);
            }
        }
        double factor = lengths.Sum(x => (double)x) / expected.Sum();
        for (int slot = 0; slot < count && count > 1; slot++)
        {
            // M has a small ridge.
            ((double)lengths[slot]).ShouldBe(factor * expected[slot], 2e-3 * factor * expected[slot]);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Sketching_puts_the_longest_first_with_all_that_belongs_to_them(SimdPath path, KeyValueStorage storage, int count)
    {
        var unit = new double[D * D];
        for (int l = 0; l < D; l++)
        {
            unit[l * D + l] = 1.0 / (1 + l);
        }
        SketchBasis basis = SketchBasis.Fit(unit, unit, D, Rank, start: null);
        using KeyCluster cluster = Filled(path, storage, count, Rank);
        using NativeBuffer products = NativeBuffer.Rent((nint)basis.PaddedRank * KeyRegion.ChunkKeys);
        cluster.SketchAll(basis, products.Span);
        cluster.Indices.ToArray().Order().ShouldBe(Enumerable.Range(100, count));
        var norms = new float[count];
        cluster.Sketches.SquaredNorms(basis.Variances, norms);
        for (int slot = 0; slot < count; slot++)
        {
            (float[] key, float[] value, float logWeight) = Row(cluster.Indices[slot], storage);
            float[] stored = new float[D], storedValue = new float[Dv], mean = new float[D];
            cluster.Region.ReadKey(slot, stored);
            cluster.Region.ReadValue(slot, storedValue);
            stored.ShouldBe(key);
            storedValue.ShouldBe(value);
            cluster.Region.LogWeight(slot).ShouldBe(logWeight);
            (slot == 0 || norms[slot] <= 1.13 * norms[slot - 1] || norms[slot] < norms.Max() / 200).ShouldBeTrue();
            cluster.MeanKey(mean);
            float[] coordinates = new float[Rank], anchor = new float[Rank];
            basis.KeyCoordinates(key, coordinates);
            basis.KeyCoordinates(mean, anchor);
            sbyte[] code = ClusteredTrace.KeyValueHead.Code(cluster.Sketches, slot);
            for (int c = 0; c < Rank; c++)
            {
                // Products of many keys at once round differently.
                ((float)code[c]).ShouldBe(Math.Clamp(coordinates[c] - anchor[c], -15, 15), 0.501f);
            }
        }
    }

    private static KeyCluster Filled(SimdPath path, KeyValueStorage storage, int count, int rank)
    {
        var cluster = new KeyCluster(path, D, Dv, storage, weighted: true, rank, capacity: 1);
        for (int i = 0; i < count; i++)
        {
            (float[] key, float[] value, float logWeight) = Row(100 + i, KeyValueStorage.Fp32);
            cluster.Add(100 + i, key, value, logWeight);
        }
        return cluster;
    }

    private static (float[] Key, float[] Value, float LogWeight) Row(int index, KeyValueStorage storage)
    {
        var random = new Random(index);
        float Next(float scale) => storage == KeyValueStorage.Fp16 ? (float)(Half)Draw(scale) : Draw(scale);
        float Draw(float scale) => (random.NextSingle() - 0.5f) * scale;
        float length = index % 7 == 0 ? 6 : 2;
        return ([.. Enumerable.Range(0, D).Select(_ => Next(length))], [.. Enumerable.Range(0, Dv).Select(_ => Next(2))], index % 3);
    }
}
