using CsCheck;
using Prescore.Kernels;

namespace Prescore.Tests.Kernels;

public class KeyRegionTests
{
    public static TheoryData<SimdPath, KeyValueStorage, bool> Kinds
    {
        get
        {
            var kinds = new TheoryData<SimdPath, KeyValueStorage, bool>();
            foreach (SimdPath path in Enum.GetValues<SimdPath>())
            {
                kinds.Add(path, KeyValueStorage.Fp32, false);
                kinds.Add(path, KeyValueStorage.Fp32, true);
                kinds.Add(path, KeyValueStorage.Fp16, true);
            }
            return kinds;
        }
    }

    /// <summary>A region against a plain list under random changes.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Holds_what_a_list_would_hold(SimdPath path, KeyValueStorage storage, bool weighted) =>
        Gen.Select(Gen.Int[1, 20], Gen.Int[1, 70], Gen.Int[0, 100_000]).Sample((dimension, valueDimension, seed) =>
        {
            var random = new Random(seed);
            using KeyRegion region = KeyRegion.Create(path, dimension, valueDimension, storage, weighted);
            var list = new List<(float[] Key, float[] Value, float LogWeight)>();
            for (int step = 0; step < 300; step++)
            {
                Change(region, list, random);
            }
            region.Count.ShouldBe(list.Count);
            region.Capacity.ShouldBeGreaterThanOrEqualTo(list.Count);
            region.Bytes.ShouldBeGreaterThanOrEqualTo(list.Count * (dimension + valueDimension) * (storage == KeyValueStorage.Fp16 ? 2L : 4L));
            float[] key = new float[dimension], value = new float[valueDimension];
            for (int i = 0; i < list.Count; i++)
            {
                region.ReadKey(i, key);
                region.ReadValue(i, value);
                key.ShouldBe(Stored(list[i].Key, storage));
                value.ShouldBe(Stored(list[i].Value, storage));
                region.LogWeight(i).ShouldBe(weighted ? list[i].LogWeight : 0);
            }
        }, iter: 20);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Products_and_distances_equal_naive_ones(SimdPath path, KeyValueStorage storage, bool weighted)
    {
        foreach ((int count, int dimension) in new[] { (1, 1), (15, 8), (128, 16), (129, 33), (300, 64) })
        {
            var random = new Random(count);
            using KeyRegion region = KeyRegion.Create(path, dimension, 5, storage, weighted);
            float[][] keys = [.. Enumerable.Range(0, count).Select(_ => Row(random, dimension))];
            foreach (float[] key in keys)
            {
                region.Append(key, new float[5]);
            }
            float[][] stored = [.. keys.Select(key => Stored(key, storage))];
            float[] rows = Row(random, 12 * dimension);
            var products = new float[12 * KeyRegion.ChunkKeys];
            for (int first = 0; first < count; first += KeyRegion.ChunkKeys)
            {
                region.Products(rows, first, products);
                for (int i = 0; i < 12; i++)
                {
                    for (int j = 0; j < Math.Min(KeyRegion.ChunkKeys, count - first); j++)
                    {
                        double expected = Enumerable.Range(0, dimension).Sum(l => (double)rows[i * dimension + l] * stored[first + j][l]);
                        ((double)products[i * KeyRegion.ChunkKeys + j]).ShouldBe(expected, 1e-6 * dimension);
                    }
                }
            }
            var distances = new float[(count + KeyRegion.ChunkKeys - 1) / KeyRegion.ChunkKeys * KeyRegion.ChunkKeys];
            region.SquaredDistances(rows.AsSpan(0, dimension), distances);
            for (int j = 0; j < count; j++)
            {
                double expected = Enumerable.Range(0, dimension).Sum(l => Math.Pow((double)rows[l] - stored[j][l], 2));
                ((double)distances[j]).ShouldBe(expected, 1e-5 * expected);
            }
        }
    }

    /// <summary>Narrow panels spare empty vectors: the bits must not depend on that.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Bits_of_products_do_not_depend_on_how_many_keys_there_are(SimdPath path, KeyValueStorage storage, bool weighted)
    {
        const int Dimension = 33;
        var random = new Random(1);
        using KeyRegion region = KeyRegion.Create(path, Dimension, 5, storage, weighted);
        for (int key = 0; key < KeyRegion.ChunkKeys; key++)
        {
            region.Append(Row(random, Dimension), new float[5]);
        }
        float[] rows = Row(random, 6 * Dimension);
        var whole = new float[6 * KeyRegion.ChunkKeys];
        region.Products(rows, 0, whole);
        for (int count = KeyRegion.ChunkKeys; count >= 1; count--)
        {
            region.Truncate(count);
            var part = new float[6 * KeyRegion.ChunkKeys];
            part.AsSpan().Fill(float.NaN);
            region.Products(rows, 0, part);
            for (int i = 0; i < 6; i++)
            {
                part.AsSpan(i * KeyRegion.ChunkKeys, count).SequenceEqual(whole.AsSpan(i * KeyRegion.ChunkKeys, count)).ShouldBeTrue($"{count} keys");
            }
        }
    }

    [Fact]
    public void Replacing_or_truncating_beyond_the_end_is_refused()
    {
        using KeyRegion region = KeyRegion.Create(SimdPath.Scalar, 2, 2, KeyValueStorage.Fp32);
        region.Append([1, 2], [3, 4]);
        Should.Throw<ArgumentOutOfRangeException>(() => region.Replace(1, [1, 2], [3, 4]));
        Should.Throw<ArgumentOutOfRangeException>(() => region.Truncate(2));
    }

    private static void Change(KeyRegion region, List<(float[] Key, float[] Value, float LogWeight)> list, Random random)
    {
        float[] key = Row(random, region.Dimension), value = Row(random, region.ValueDimension);
        switch (random.Next(list.Count == 0 ? 1 : 10))
        {
            case < 6:
                float weight = random.Next(3);
                region.Append(key, value, weight);
                list.Add((key, value, weight));
                break;
            case 6 or 7:
                int replaced = random.Next(list.Count);
                region.Replace(replaced, key, value);
                list[replaced] = (key, value, list[replaced].LogWeight);
                break;
            case 8:
                int removed = random.Next(list.Count);
                region.RemoveSwap(removed);
                list[removed] = list[^1];
                list.RemoveAt(list.Count - 1);
                break;
            default:
                if (random.Next(10) == 0)
                {
                    int kept = random.Next(list.Count / 2, list.Count + 1);
                    region.Truncate(kept);
                    list.RemoveRange(kept, list.Count - kept);
                }
                region.Reserve(list.Count + random.Next(30));
                break;
        }
    }

    private static float[] Stored(float[] row, KeyValueStorage storage) =>
        storage == KeyValueStorage.Fp32 ? row : [.. row.Select(x => (float)(Half)x)];

    private static float[] Row(Random random, int length) => [.. Enumerable.Range(0, length).Select(_ => (float)random.NextDouble() * 4 - 2)];
}
