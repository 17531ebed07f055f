using CsCheck;
using Prescore.Attention.Core;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Tests.Attention;

/// <summary>Key blocks attended side by side against the same blocks one after the other.</summary>
public class FewQueriesTests
{
    public static TheoryData<SimdPath> Paths => [SimdPath.Scalar, SimdPath.Vector256, SimdPath.Vector512];

    [Theory]
    [MemberData(nameof(Paths))]
    public void Parts_have_the_bits_of_going_through_the_keys_in_order(SimdPath path) =>
        Gen.Select(Gen.Int[1, QueryBlock.StripRows], Gen.Int[1, 900], Gen.Int[0, 100_000]).Sample((rows, keys, seed) =>
        {
            var random = new Random(seed);
            int dimension = random.Next(1, 80), valueDimension = random.Next(1, 140);
            bool checks = random.Next(2) == 0;
            using KeyValueTiles tiles = Pack(path, keys, dimension, valueDimension, random);
            int[] visible = [.. Enumerable.Range(0, rows).Select(_ => random.Next(0, keys + 1)).Order()];
            visible[^1] = keys;
            using QueryBlock inOrder = QueryBlock.Create(path, rows, dimension, valueDimension, checks), inParts = QueryBlock.Create(path, rows, dimension, valueDimension, checks);
            for (int row = 0; row < rows; row++)
            {
                // Now and then so large that maxima rise from block to block.
                float[] query = Normal(random, dimension, row % 3 == 0 ? 20 : 1);
                inOrder.Add(query, 0.3f);
                inParts.Add(query, 0.3f);
            }
            inOrder.Attend(tiles, 0, KeyValueTiles.BlocksOf(keys), 0, rows, visible);
            AttendParts(inParts, tiles, visible, random);
            float[] expected = new float[valueDimension], actual = new float[valueDimension];
            for (int row = 0; row < rows; row++)
            {
                inParts.Finish(row, actual).ShouldBe(inOrder.Finish(row, expected), $"log-sum-exp of row {row}, seed {seed}");
                actual.AsSpan().SequenceEqual(expected).ShouldBeTrue($"row {row}, seed {seed}");
            }
        }, iter: 60);

    private static void AttendParts(QueryBlock block, KeyValueTiles tiles, int[] visible, Random random)
    {
        block.BeginParts(tiles, visible);
        int count = KeyValueTiles.BlocksOf(visible[^1]), cut = random.Next(0, count + 1);
        block.ComputeLogits(cut, count);
        block.ComputeLogits(0, cut);
        for (int i = count - 1; i >= 0; i--)
        {
            block.WeighValues(i, i + 1);
        }
        block.JoinParts();
    }

    private static unsafe KeyValueTiles Pack(SimdPath path, int count, int dimension, int valueDimension, Random random)
    {
        KeyValueTiles tiles = KeyValueTiles.Create(path);
        fixed (float* keys = Normal(random, count * dimension, 1), values = Normal(random, count * valueDimension, 1))
        {
            tiles.Append(new MatrixView(keys, count, dimension, dimension), new MatrixView(values, count, valueDimension, valueDimension), threads: 1, CancellationToken.None);
        }
        return tiles;
    }

    private static float[] Normal(Random random, int count, float deviation) =>
        [.. Enumerable.Range(0, count).Select(_ => deviation * (float)(Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble())))];
}
