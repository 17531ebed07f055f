using CsCheck;
using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Attention.Core;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Storage;
using Prescore.Tests.Attention.Clustered;

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

    [Theory]
    [InlineData("exact")]
    [InlineData("clustered:error=0.1")]
    public void Few_tokens_after_many_have_the_same_bits_for_any_number_of_threads(string spec)
    {
        IAttention method = AttentionMethods.Create(spec);
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(1400, 1400, queryHeads: 6, keyValueHeads: 3));
        float[] expected = After(1200, threads: 1, [200]);
        foreach (int threads in new[] { 1, 2, 3, 7 })
        {
            After(1200, threads, [1, 8, 9, 32, 64, 86]).AsSpan().SequenceEqual(expected).ShouldBeTrue($"{threads} threads");
        }

        float[] After(int known, int threads, int[] pieces)
        {
            using var cache = new CacheRun(method, tensors, AttentionOptions.Default with { Threads = threads });
            cache.Append(tensors, known);
            Array.ForEach(pieces, count => cache.Append(tensors, count));
            return cache.Output;
        }
    }

    [Fact]
    public async Task A_cancelled_token_ends_and_leaves_no_trace()
    {
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(3000, 3000, queryHeads: 6, keyValueHeads: 3), causal: true);
        using var cache = new CacheRun(AttentionMethods.Create("exact"), tensors, AttentionOptions.Default with { Threads = 3 });
        cache.Append(tensors, 2990);
        cache.Append(tensors, 4);
        float[] expected = [.. cache.Output];
        for (int i = 0; i < 200; i++)
        {
            cache.Rewind(2990);
            using var source = new CancellationTokenSource();
            // Some are cancelled before, some on the way, some not at all.
            Task cancelling = Task.Run(() =>
            {
                Thread.SpinWait(50 * i);
                source.Cancel();
            });
            try
            {
                cache.Append(tensors, 4, source.Token);
            }
            catch (OperationCanceledException)
            {
                cache.Length.ShouldBe(2990);
            }
            await cancelling;
        }
        cache.Rewind(2990);
        cache.Append(tensors, 4);
        cache.Output.AsSpan().SequenceEqual(expected).ShouldBeTrue();
    }

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
