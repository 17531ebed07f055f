using CsCheck;
using Prescore.Attention;
using Prescore.Attention.Clustered;
using Prescore.Kernels;

namespace Prescore.Tests.Attention.Clustered;

public class ClusteredPropertyTests
{
    private static readonly ClusteredOptions Small = new() { BlockSize = 16, Near = 8, TargetError = 0.3, ProbeSpacing = 2, Probes = 4 };

    public static TheoryData<SimdPath> Paths => [SimdPath.Scalar, SimdPath.Vector256, SimdPath.Vector512];

    /// <summary>By Jensen every cluster's term is a lower bound of its members'.</summary>
    [Fact]
    public void Log_sum_exp_is_at_most_exacts() =>
        Gen.Select(Gen.Int[1, 400], Gen.Int[0, 1000], Gen.Bool, Gen.Bool, Gen.Double[0.05, 1]).Sample((keys, seed, causal, weighted, target) =>
        {
            AttentionShape shape = AttentionTensors.ShapeOf(keys, keys, queryHeads: 2, dimension: 8);
            AttentionTensors tensors = weighted ? AttentionMethodCases.WithLogWeights(shape, causal) : MixtureTensors.Create(shape, causal, seed);
            tensors.Run(new ExactAttention());
            float[] exact = [.. tensors.LogSumExp];
            tensors.Run(new ClusteredAttention(Small with { TargetError = target }));
            for (int i = 0; i < exact.Length; i++)
            {
                float rounding = float.IsFinite(exact[i]) ? 1e-5f * Math.Max(1, Math.Abs(exact[i])) : 0;
                tensors.LogSumExp[i].ShouldBeLessThanOrEqualTo(exact[i] + rounding);
            }
        }, iter: 60);

    [Theory]
    [MemberData(nameof(Paths))]
    public void A_tiny_target_or_a_whole_budget_is_exact(SimdPath path)
    {
        foreach (bool causal in new[] { true, false })
        {
            AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(400, 500, queryHeads: 4, keyValueHeads: 2), causal);
            foreach (ClusteredOptions options in new[] { Small with { TargetError = 1e-9 }, Small with { TargetError = null, Budget = 1 } })
            {
                tensors.Poison();
                AttentionReport report = tensors.Run(new ClusteredAttention(options), new AttentionOptions { Simd = path });
                NaiveAttention.ShouldMatch(tensors, (_, _, query) => NaiveAttention.Exact(tensors, query));
                // Probes compute the centroids besides.
                report.Budget.ShouldBeInRange(1, 1.06);
                report.Certificates!.ShouldAllBe(c => c.Effort == null && c.ExactBlocks == c.Blocks && c.Error == 0 && c.Worst == 0 && c.UnmetBlocks == 0);
            }
        }
    }

    [Fact]
    public void Decoding_gives_the_same_bits_on_any_number_of_threads()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(400, 400, queryHeads: 6, keyValueHeads: 3));
        float[] Run(int threads)
        {
            using var cache = new CacheRun(new ClusteredAttention(Small), tensors, new AttentionOptions { Threads = threads });
            cache.Append(tensors, 333);
            while (cache.Length < 400)
            {
                cache.Append(tensors, 1);
            }
            return cache.Output;
        }

        float[] once = Run(1);
        Run(2).ShouldBe(once);
        Run(5).ShouldBe(once);
    }

    [Fact]
    public void Seeds_and_layers_draw_differently()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(400, 400));
        float[] Run(ulong seed, int layer)
        {
            tensors.Poison();
            tensors.Run(new ClusteredAttention(Small), new AttentionOptions { Seed = seed, Layer = layer });
            return [.. tensors.Output];
        }

        float[] first = Run(1, 2);
        Run(1, 2).ShouldBe(first);
        Run(2, 2).ShouldNotBe(first);
        Run(1, 3).ShouldNotBe(first);
    }

    /// <summary>Memory that a region rents has arbitrary content: here NaN.</summary>
    [Theory]
    [MemberData(nameof(Paths))]
    public void What_unused_memory_holds_does_not_matter(SimdPath path)
    {
        foreach (KeyValueStorage storage in new[] { KeyValueStorage.Fp32, KeyValueStorage.Fp16 })
        {
            AttentionTensors tensors = AttentionMethodCases.WithLogWeights(AttentionTensors.ShapeOf(300, 300, queryHeads: 2, dimension: 8, valueDimension: 5), causal: true);
            foreach (bool weighted in new[] { true, false })
            {
                tensors.KeyLogWeights = weighted ? tensors.KeyLogWeights : [];
                foreach (ClusteredOptions options in new[] { Small with { Storage = storage }, Small with { Storage = storage, BlockSize = 64, Budget = 0.8 } })
                {
                    float[] Run()
                    {
                        tensors.Poison();
                        tensors.Run(new ClusteredAttention(options), new AttentionOptions { Simd = path });
                        return [.. tensors.Output, .. tensors.LogSumExp];
                    }

                    float[] expected = Run();
                    PoisonMemory(path, storage, weighted);
                    Run().ShouldBe(expected);
                    expected.ShouldNotContain(float.NaN);
                }
            }
        }
    }

    [Fact]
    public void A_cache_gives_its_memory_back()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(300, 300));
        using var cache = new CacheRun(new ClusteredAttention(Small), tensors, AttentionOptions.Default);
        cache.Append(tensors, 300);
        long full = cache.Cache.Bytes;
        // Keys and values alone take 300 · 32 floats.
        full.ShouldBeInRange(300 * 32 * sizeof(float), 300 * 32 * sizeof(float) * 20L);
        cache.Rewind(0);
        long empty = cache.Cache.Bytes;
        empty.ShouldBeLessThan(full / 2);
        for (int i = 0; i < 3; i++)
        {
            cache.Append(tensors, 300);
            cache.Cache.Bytes.ShouldBeInRange(full * 9 / 10, full * 11 / 10);
            cache.Rewind(0);
            cache.Cache.Bytes.ShouldBeInRange(empty * 9 / 10, empty * 11 / 10);
        }
    }

    [Fact]
    public void A_cache_refuses_lengths_that_it_does_not_hold()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(40, 40));
        using var cache = new CacheRun(new ClusteredAttention(Small), tensors, AttentionOptions.Default);
        cache.Append(tensors, 40);
        Should.Throw<ArgumentOutOfRangeException>(() => cache.Cache.Rewind(41));
        Should.Throw<ArgumentOutOfRangeException>(() => cache.Cache.Rewind(-1));
        Should.Throw<ArgumentOutOfRangeException>(() => cache.Cache.AppendAndAttend(0, [], [], [], []));
        cache.Length.ShouldBe(40);
    }

    [Fact]
    public void Values_that_are_not_finite_are_named_by_a_cache()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(40, 40));
        tensors.Keys[20 * 16 + 3] = float.NaN;
        using var cache = new CacheRun(new ClusteredAttention(Small), tensors, AttentionOptions.Default);
        Should.Throw<NonFiniteException>(() => cache.Append(tensors, 40)).Tensor.ShouldBe("keys");
    }

    [Fact]
    public void Equal_keys_and_keys_of_zeros_are_attended()
    {
        foreach (bool causal in new[] { true, false })
        {
            foreach (float value in new[] { 0f, 1f })
            {
                var tensors = new AttentionTensors(AttentionTensors.ShapeOf(200, 200), causal);
                tensors.Keys.AsSpan().Fill(value);
                tensors.Run(new ClusteredAttention(Small with { TargetError = 1e-4 }));
                // One cluster with equal members is exact whatever p is.
                NaiveAttention.ShouldMatch(tensors, (_, _, query) => NaiveAttention.Exact(tensors, query));
            }
        }
    }

    /// <summary>Fills pooled memory of the sizes that small indices rent.</summary>
    private static void PoisonMemory(SimdPath path, KeyValueStorage storage, bool weighted)
    {
        float[] bad = [.. Enumerable.Repeat(float.NaN, 8)];
        var held = new List<IDisposable>();
        foreach ((KeyValueStorage kind, bool bias) in new[] { (storage, weighted), (KeyValueStorage.Fp32, false) })
        {
            for (int capacity = 8; capacity <= 320; capacity += path == SimdPath.Scalar ? 8 : 16)
            {
                for (int copy = 0; copy < (capacity <= 128 ? 24 : 2); copy++)
                {
                    KeyRegion region = KeyRegion.Create(path, 8, 5, kind, bias);
                    region.Reserve(capacity);
                    while (region.Count < region.Capacity)
                    {
                        region.Append(bad, bad.AsSpan(0, 5), float.NaN);
                    }
                    held.Add(region);
                }
            }
        }
        for (nint length = 1024; length <= 1 << 16; length *= 2)
        {
            for (int copy = 0; copy < 8; copy++)
            {
                NativeBuffer buffer = NativeBuffer.Rent(length);
                buffer.Span.Fill(float.NaN);
                held.Add(buffer);
            }
        }
        held.ForEach(memory => memory.Dispose());
    }
}
