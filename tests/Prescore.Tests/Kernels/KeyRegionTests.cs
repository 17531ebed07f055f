using CsCheck;
using Prescore.Kernels;
using Prescore.Storage;

namespace Prescore.Tests.Kernels;

public class KeyRegionTests
{
    public static TheoryData<SimdPath, bool> Kinds => new()
    {
        { SimdPath.Scalar, true }, { SimdPath.Vector256, true }, { SimdPath.Vector512, true }, { SimdPath.Vector512, false },
    };

    /// <summary>A region against a plain list under random changes.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void Holds_what_a_list_would_hold(SimdPath path, bool weighted) =>
        Gen.Select(Gen.Int[1, 20], Gen.Int[1, 70], Gen.Int[0, 100_000]).Sample((dimension, valueDimension, seed) =>
        {
            var random = new Random(seed);
            using KeyRegion region = KeyRegion.Create(path, dimension, valueDimension, weighted);
            var list = new List<(float[] Key, float[] Value, float LogWeight)>();
            for (int step = 0; step < 300; step++)
            {
                Change(region, list, random);
            }
            region.Count.ShouldBe(list.Count);
            region.Bytes.ShouldBeGreaterThanOrEqualTo(list.Count * (dimension + valueDimension) * 4L);
            float[] key = new float[dimension], value = new float[valueDimension];
            for (int i = 0; i < list.Count; i++)
            {
                region.ReadKey(i, key);
                region.ReadValue(i, value);
                key.ShouldBe(list[i].Key);
                value.ShouldBe(list[i].Value);
                region.LogWeight(i).ShouldBe(weighted ? list[i].LogWeight : 0);
            }
        }, iter: 20);

    private static void Change(KeyRegion region, List<(float[] Key, float[] Value, float LogWeight)> list, Random random)
    {
        switch (random.Next(10))
        {
            case 0 when list.Count > 0:
                int first = random.Next(list.Count), count = random.Next(list.Count - first + 1);
                region.Remove(first, count);
                list.RemoveRange(first, count);
                break;
            case 1 when list.Count > 0:
                int kept = random.Next(list.Count + 1);
                region.Truncate(kept);
                list.RemoveRange(kept, list.Count - kept);
                break;
            case 2:
                region.Reserve(list.Count + random.Next(20));
                region.Capacity.ShouldBeGreaterThanOrEqualTo(list.Count);
                break;
            default:
                float[] key = [.. Enumerable.Range(0, region.Dimension).Select(_ => random.NextSingle())];
                float[] value = [.. Enumerable.Range(0, region.ValueDimension).Select(_ => random.NextSingle())];
                float logWeight = random.NextSingle();
                region.Append(key, value, logWeight);
                list.Add((key, value, logWeight));
                break;
        }
    }
}
