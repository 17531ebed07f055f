using CsCheck;
using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Kernels;

namespace Prescore.Tests.Attention;

/// <summary>
/// What every cache promises: whatever the way in which tokens came (pieces, single tokens, tokens that were forgotten, a
/// fork, calls that failed), the bits are those of one call.
/// </summary>
public class CacheTests
{
    public static TheoryData<string> Methods => MethodPropertyTests.Methods;

    [Theory]
    [MemberData(nameof(Methods))]
    public void Any_schedule_gives_the_bits_of_one_call(string spec)
    {
        IAttention method = AttentionMethods.Create(spec);
        Gen.Int[0, 100_000].Sample(seed => Schedule(method, new Random(seed), $"seed {seed}"), iter: 5);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Forks_go_their_own_ways(string spec)
    {
        IAttention method = AttentionMethods.Create(spec);
        Gen.Int[0, 100_000].Sample(seed =>
        {
            var random = new Random(seed);
            AttentionTensors tensors = Tensors(random, random.Next(2, 700), 1), others = Tensors(random, tensors.Shape.Keys, 2);
            int length = tensors.Shape.Keys, shared = random.Next(0, length);
            using var first = new CacheRun(method, tensors, AttentionOptions.Default);
            Advance(first, tensors, shared, random);
            using CacheRun second = first.Fork();
            second.Length.ShouldBe(shared);
            Advance(second, others, length, random);
            Advance(first, tensors, length, random);
            using CacheRun third = second.Fork();
            third.Rewind(random.Next(0, shared + 1));
            second.Dispose();
            Advance(third, tensors, length, random);
            float[] expected = Whole(method, tensors);
            first.Output.AsSpan().SequenceEqual(expected).ShouldBeTrue($"first, seed {seed}");
            third.Output.AsSpan().SequenceEqual(expected).ShouldBeTrue($"third, seed {seed}");
        }, iter: 5);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_call_that_fails_leaves_no_trace(string spec)
    {
        IAttention method = AttentionMethods.Create(spec);
        var random = new Random(4);
        AttentionTensors tensors = Tensors(random, 600, 1);
        float[] expected = Whole(method, tensors);
        foreach (int known in new[] { 0, 1, 255, 256, 300 })
        {
            using var cache = new CacheRun(method, tensors, AttentionOptions.Default);
            Advance(cache, tensors, known, random);
            AttentionTensors bad = Tensors(random, 600, 2);
            bad.Values[^1] = float.NaN;
            Should.Throw<NonFiniteException>(() => cache.Append(bad, 600 - known)).Tensor.ShouldBe("values");
            cache.Length.ShouldBe(known);
            for (int delay = 0; delay < 4; delay++)
            {
                // Cancelled somewhere on the way, or not at all.
                var source = new CancellationTokenSource(TimeSpan.FromMilliseconds(delay));
                try
                {
                    cache.Append(tensors, 600 - known, source.Token);
                    cache.Rewind(known);
                }
                catch (OperationCanceledException)
                {
                    cache.Length.ShouldBe(known);
                }
            }
            Advance(cache, tensors, 600, random);
            cache.Output.AsSpan().SequenceEqual(expected).ShouldBeTrue($"known {known}");
        }
    }

    [Fact]
    public void Bytes_grow_with_the_tokens_and_go_with_the_cache()
    {
        foreach (string spec in MethodPropertyTests.Methods.Select(row => row.Data))
        {
            AttentionTensors tensors = Tensors(new Random(1), 600, 1);
            using var cache = new CacheRun(AttentionMethods.Create(spec), tensors, AttentionOptions.Default);
            cache.Append(tensors, 600);
            cache.Cache.Bytes.ShouldBeGreaterThanOrEqualTo(600L * 2 * 12 * sizeof(float), spec);
        }
    }

    private static void Schedule(IAttention method, Random random, string where)
    {
        AttentionTensors tensors = Tensors(random, random.Next(1, 700), 1), others = Tensors(random, tensors.Shape.Keys, 2);
        var run = new AttentionOptions { Threads = random.Next(1, 4), Simd = random.Next(4) == 0 ? SimdPath.Scalar : SimdPaths.Best };
        int length = tensors.Shape.Keys;
        using var cache = new CacheRun(method, tensors, run);
        for (int wrong = random.Next(0, 4); wrong > 0; wrong--)
        {
            int known = random.Next(cache.Length, length + 1);
            Advance(cache, tensors, known, random);
            Advance(cache, others, random.Next(known, length + 1), random);
            cache.Rewind(random.Next(0, known + 1));
        }
        Advance(cache, tensors, length, random);
        cache.Output.AsSpan().SequenceEqual(Whole(method, tensors, run)).ShouldBeTrue(where);
    }

    /// <summary>Appends tokens up to a length: a few pieces, then single tokens.</summary>
    private static void Advance(CacheRun cache, AttentionTensors tensors, int length, Random random)
    {
        while (cache.Length < length)
        {
            int rest = length - cache.Length;
            cache.Append(tensors, random.Next(3) == 0 ? random.Next(1, rest + 1) : Math.Min(rest, random.Next(1, 4)));
        }
    }

    private static float[] Whole(IAttention method, AttentionTensors tensors, AttentionOptions? run = null)
    {
        tensors.Run(method, run);
        return AttentionTensors.RowsFirst(tensors.Output, tensors.Shape.QueryHeads, tensors.Shape.Keys, tensors.Shape.ValueDimension);
    }

    private static AttentionTensors Tensors(Random random, int keys, int seed) =>
        new(AttentionTensors.ShapeOf(keys, keys, queryHeads: 4, keyValueHeads: 2, dimension: 12), causal: true, seed + 10 * random.Next(4));
}
