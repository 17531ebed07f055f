using CsCheck;
using Prescore.Storage;

namespace Prescore.Tests.Storage;

public class ShortCodesTests
{
    private static readonly Gen<float[]> Row = Gen.Select(Gen.Int[1, 70], Gen.Int[-45, 38], Gen.Int[0, 100_000], (length, power, seed) =>
    {
        var random = new Random(seed);
        return Enumerable.Range(0, length).Select(_ => (float)((random.NextDouble() * 2 - 1) * Math.Pow(10, power) * (random.Next(5) == 0 ? 1e-3 : 1))).ToArray();
    });

    [Theory]
    [InlineData(ShortCodes.KeyLevels)]
    [InlineData(ShortCodes.ValueLevels)]
    public void Rows_are_rounded_to_a_share_of_their_largest_number_and_once_rounded_stay(int levels) =>
        Row.Sample(row =>
        {
            float[] rounded = new float[row.Length], again = new float[row.Length];
            ShortCodes.Round(row, levels, rounded);
            float largest = row.Max(Math.Abs), scale = ShortCodes.ScaleOf(row, levels);
            double allowed = Math.Max(largest / (double)(levels + 1), Math.Pow(2, -110)) * 1.01;
            for (int i = 0; i < row.Length; i++)
            {
                Math.Abs((double)rounded[i] - row[i]).ShouldBeLessThanOrEqualTo(allowed);
                Math.Abs(rounded[i] / scale).ShouldBeLessThanOrEqualTo(levels);
            }
            ShortCodes.Round(rounded, levels, again);
            again.ShouldBe(rounded);
        }, iter: 500);

    [Fact]
    public void The_largest_numbers_stay_finite()
    {
        foreach (int levels in new[] { ShortCodes.KeyLevels, ShortCodes.ValueLevels })
        {
            float[] row = [float.MaxValue, -float.MaxValue, 0, 1], rounded = new float[4], again = new float[4];
            ShortCodes.Round(row, levels, rounded);
            rounded.ShouldAllBe(x => float.IsFinite(x));
            (rounded[0] / float.MaxValue).ShouldBe(1, 1e-3);
            ShortCodes.Round(rounded, levels, again);
            again.ShouldBe(rounded);
        }
        var zeros = new float[3];
        ShortCodes.Round([0, 0, 0], ShortCodes.KeyLevels, zeros);
        zeros.ShouldBe([0, 0, 0]);
    }

    /// <summary>Keys and values are read as they were rounded, however the store grows, is cut or copied.</summary>
    [Fact]
    public void A_store_holds_rounded_keys_and_values() =>
        Gen.Select(Gen.Int[1, 40], Gen.Int[1, 70], Gen.Bool, Gen.Int[0, 100_000]).Sample((dimension, valueDimension, weighted, seed) =>
        {
            var random = new Random(seed);
            using var store = new CodedKeys(dimension, valueDimension, weighted);
            long keyBytes = sizeof(short) * (store.KeyStride + store.ValueStride) + sizeof(float) * (weighted ? 3 : 2);
            var list = new List<(float[] Key, float[] Value, float LogWeight)>();
            float[] Numbers(int length) => [.. Enumerable.Range(0, length).Select(_ => random.NextSingle() - 0.5f)];
            for (int step = 0; step < 200; step++)
            {
                if (random.Next(40) == 0)
                {
                    int kept = random.Next(list.Count + 1);
                    store.Truncate(kept);
                    store.Trim();
                    list.RemoveRange(kept, list.Count - kept);
                    store.Bytes.ShouldBeInRange(kept * keyBytes, (2 * kept + 1) * keyBytes);
                }
                list.Add((Numbers(dimension), Numbers(valueDimension), random.NextSingle()));
                store.Append(list[^1].Key, list[^1].Value, list[^1].LogWeight);
            }
            Check(store, list, weighted);
            if (!weighted)
            {
                using var copy = new CodedKeys(dimension, valueDimension, weighted);
                copy.CopyFrom(store);
                Check(copy, list, weighted);
            }
        }, iter: 20);

    private static void Check(CodedKeys store, List<(float[] Key, float[] Value, float LogWeight)> list, bool weighted)
    {
        store.Count.ShouldBe(list.Count);
        for (int i = 0; i < list.Count; i++)
        {
            float[] key = new float[store.Dimension], value = new float[store.ValueDimension];
            float[] roundedKey = new float[store.Dimension], roundedValue = new float[store.ValueDimension];
            store.ReadKey(i, key);
            store.ReadValue(i, value);
            ShortCodes.Round(list[i].Key, ShortCodes.KeyLevels, roundedKey);
            ShortCodes.Round(list[i].Value, ShortCodes.ValueLevels, roundedValue);
            key.ShouldBe(roundedKey);
            value.ShouldBe(roundedValue);
            store.LogWeight(i).ShouldBe(weighted ? list[i].LogWeight : 0);
        }
    }
}
