using CsCheck;
using Prescore.Attention.Core;
using Prescore.Kernels;
using Prescore.Storage;

namespace Prescore.Tests.Kernels;

public class KeyRegionTests
{
    public static TheoryData<SimdPath, KeyValueStorage, bool, bool> Kinds
    {
        get
        {
            var kinds = new TheoryData<SimdPath, KeyValueStorage, bool, bool>();
            foreach (SimdPath path in Enum.GetValues<SimdPath>())
            {
                foreach (bool inRows in new[] { false, true })
                {
                    kinds.Add(path, KeyValueStorage.Fp32, false, inRows);
                    kinds.Add(path, KeyValueStorage.Fp32, true, inRows);
                    kinds.Add(path, KeyValueStorage.Fp16, true, inRows);
                }
            }
            return kinds;
        }
    }

    /// <summary>A region against a plain list under random changes.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Holds_what_a_list_would_hold(SimdPath path, KeyValueStorage storage, bool weighted, bool inRows) =>
        Gen.Select(Gen.Int[1, 20], Gen.Int[1, 70], Gen.Int[0, 100_000]).Sample((dimension, valueDimension, seed) =>
        {
            var random = new Random(seed);
            using KeyRegion region = KeyRegion.Create(path, dimension, valueDimension, storage, weighted, inRows ? KeyOrder.Rows : KeyOrder.Panels);
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
    public void Products_and_distances_equal_naive_ones(SimdPath path, KeyValueStorage storage, bool weighted, bool inRows)
    {
        foreach ((int count, int dimension) in new[] { (1, 1), (7, 5), (15, 8), (128, 16), (129, 33), (130, 63), (257, 65), (300, 64) })
        {
            var random = new Random(count);
            using KeyRegion region = KeyRegion.Create(path, dimension, 5, storage, weighted, inRows ? KeyOrder.Rows : KeyOrder.Panels);
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
    public void Bits_of_products_do_not_depend_on_how_many_keys_there_are(SimdPath path, KeyValueStorage storage, bool weighted, bool inRows)
    {
        const int Dimension = 33;
        var random = new Random(1);
        using KeyRegion region = KeyRegion.Create(path, Dimension, 5, storage, weighted, inRows ? KeyOrder.Rows : KeyOrder.Panels);
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

    /// <summary>Rows are packed into panels eight at a time: every count, with dimensions that fill no vector.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Products_of_any_number_of_keys_in_either_order_are_the_same_bits(SimdPath path, KeyValueStorage storage, bool weighted, bool inRows)
    {
        foreach (int dimension in new[] { 1, 5, 63, 64, 65 })
        {
            PoisonedMemory.Fill(path, dimension, 5, storage, weighted);
            var random = new Random(dimension);
            using KeyRegion panels = KeyRegion.Create(path, dimension, 5, KeyValueStorage.Fp32);
            using KeyRegion region = KeyRegion.Create(path, dimension, 5, storage, weighted, inRows ? KeyOrder.Rows : KeyOrder.Panels);
            float[] rows = Row(random, 6 * dimension);
            float[] expected = new float[6 * KeyRegion.ChunkKeys], products = new float[6 * KeyRegion.ChunkKeys];
            for (int count = 1; count <= 130; count++)
            {
                float[] key = Stored(Row(random, dimension), storage);
                panels.Append(key, new float[5]);
                region.Append(key, new float[5], 1);
                int first = (count - 1) / KeyRegion.ChunkKeys * KeyRegion.ChunkKeys;
                panels.Products(rows, first, expected);
                region.Products(rows, first, products);
                for (int i = 0; i < 6; i++)
                {
                    products.AsSpan(i * KeyRegion.ChunkKeys, count - first).SequenceEqual(expected.AsSpan(i * KeyRegion.ChunkKeys, count - first))
                        .ShouldBeTrue($"{count} keys of {dimension}");
                }
            }
        }
    }

    /// <summary>Attention and member logits read whole vectors of a row: their padding is 0 whatever the memory held, also after keys have moved.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Padding_over_poisoned_memory_is_never_seen(SimdPath path, KeyValueStorage storage, bool weighted, bool inRows)
    {
        foreach (int dimension in new[] { 1, 5, 17, 63, 65 })
        {
            PoisonedMemory.Fill(path, dimension, 5, storage, weighted);
            var random = new Random(dimension);
            using KeyRegion region = KeyRegion.Create(path, dimension, 5, storage, weighted, inRows ? KeyOrder.Rows : KeyOrder.Panels);
            var list = new List<(float[] Key, float[] Value, float LogWeight)>();
            for (int step = 0; step < 200; step++)
            {
                Change(region, list, random);
            }
            using QueryBlock block = QueryBlock.Create(path, 7, dimension, 5);
            float[][] queries = [.. Enumerable.Range(0, 7).Select(_ => Row(random, dimension))];
            foreach (float[] query in queries)
            {
                block.Add(query, 1);
            }
            block.Attend(region, 0, 7, default);
            for (int row = 0; row < 7; row++)
            {
                double[] logits = [.. list.Select(entry => Stored(entry.Key, storage).Zip(queries[row], (a, b) => (double)a * b).Sum() + (weighted ? entry.LogWeight : 0))];
                double sum = logits.Sum(Math.Exp);
                var output = new float[5];
                ((double)block.Finish(row, output)).ShouldBe(Math.Log(sum), 1e-4);
                for (int l = 0; l < 5; l++)
                {
                    ((double)output[l]).ShouldBe(list.Select((entry, i) => Math.Exp(logits[i]) / sum * Stored(entry.Value, storage)[l]).Sum(), 1e-4);
                }
                if (inRows)
                {
                    var found = new float[(list.Count + 3) / 4 * 4];
                    block.OpenRegion(region);
                    block.MemberLogits(row, [.. Enumerable.Range(0, list.Count)], found);
                    // A largest difference would hide what is not a number.
                    found.Take(list.Count).Select((x, i) => Math.Abs(x + (weighted ? list[i].LogWeight : 0) - logits[i])).ShouldAllBe(difference => difference < 1e-4);
                }
            }
        }
    }

    [Fact]
    public void What_is_not_there_is_not_replaced_kept_or_reordered()
    {
        using KeyRegion region = KeyRegion.Create(SimdPath.Scalar, 2, 2, KeyValueStorage.Fp32);
        region.Append([1, 2], [3, 4]);
        Should.Throw<ArgumentOutOfRangeException>(() => region.Replace(1, [1, 2], [3, 4]));
        Should.Throw<ArgumentOutOfRangeException>(() => region.Truncate(2));
        Should.Throw<ArgumentOutOfRangeException>(() => region.Reorder([0]));
        using KeyRegion rows = KeyRegion.Create(SimdPath.Scalar, 2, 2, KeyValueStorage.Fp32, order: KeyOrder.Rows);
        Should.Throw<ArgumentOutOfRangeException>(() => rows.Reorder([0]));
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
                if (region.Order == KeyOrder.Rows)
                {
                    int[] order = [.. Enumerable.Range(0, list.Count).OrderBy(_ => random.Next())];
                    region.Reorder(order);
                    (float[] Key, float[] Value, float LogWeight)[] before = [.. list];
                    list.Clear();
                    list.AddRange(order.Select(place => before[place]));
                }
                region.Reserve(list.Count + random.Next(30));
                break;
        }
    }

    private static float[] Stored(float[] row, KeyValueStorage storage) =>
        storage == KeyValueStorage.Fp32 ? row : [.. row.Select(x => (float)(Half)x)];

    private static float[] Row(Random random, int length) => [.. Enumerable.Range(0, length).Select(_ => (float)random.NextDouble() * 4 - 2)];
}
