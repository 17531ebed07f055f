using CsCheck;
using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Kernels;
using Prescore.Storage;
using Prescore.Tests.Kernels;

namespace Prescore.Tests.Attention.Clustered;

public class ClusteredPropertyTests
{
    private static readonly ClusteredOptions Small = new() { BlockSize = 16, Near = 8, TargetError = 0.3, ProbeSpacing = 2, Probes = 4, FirstSegment = 100 };

    public static TheoryData<SimdPath> Paths => [SimdPath.Scalar, SimdPath.Vector256, SimdPath.Vector512];

    /// <summary>By Jensen the term of a cluster, or of what members leave of it, is a lower bound of its keys'.</summary>
    [Fact]
    public void Log_sum_exp_is_at_most_exacts()
    {
        long screened = 0;
        Gen.Select(Gen.Int[1, 400], Gen.Int[0, 1000], Gen.Bool, Gen.Bool, Gen.Double[0.02, 1], Gen.Int[1, 6]).Sample((keys, seed, causal, weighted, target, sharpness) =>
        {
            AttentionShape shape = AttentionTensors.ShapeOf(keys, keys, queryHeads: 2, dimension: 8);
            AttentionTensors tensors = weighted ? AttentionMethodCases.WithLogWeights(shape, causal) : MixtureTensors.Create(shape, causal, seed, sharpness);
            // As they are stored; far queries are rounded as well, to 15 bits here, which leaves a little.
            for (int row = 0; row < tensors.Keys.Length; row += 8)
            {
                ShortCodes.Round(tensors.Keys.AsSpan(row, 8), ShortCodes.KeyLevels, tensors.Keys.AsSpan(row, 8));
            }
            tensors.Run(new ExactAttention());
            float[] exact = [.. tensors.LogSumExp];
            double? budget = seed % 3 == 0 ? 0.9 : null;
            var method = new ClusteredAttention(Small with { TargetError = target, Budget = budget, SketchRank = 8 });
            if (budget is not null && keys < 100)
            {
                return;
            }
            Interlocked.Add(ref screened, tensors.Run(method).Screened);
            for (int i = 0; i < exact.Length; i++)
            {
                float rounding = float.IsFinite(exact[i]) ? 2e-4f * (1 + sharpness * sharpness) : 0;
                tensors.LogSumExp[i].ShouldBeLessThanOrEqualTo(exact[i] + rounding);
            }
        }, iter: 80);
        screened.ShouldBeGreaterThan(0);
    }

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
                NaiveAttention.ShouldMatch(tensors, (_, _, query) => NaiveAttention.Exact(tensors, query), tolerance: 5e-4);
                // Probes compute the centroids besides.
                report.Budget.ShouldBeInRange(1, 1.06);
                report.Certificates!.ShouldAllBe(c => c.Share == null && c.Screened == 0 && c.ExactBlocks == c.Blocks && c.Error == 0 && c.Worst == 0 && c.UnmetBlocks == 0);
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
    public void Work_that_is_reported_does_not_depend_on_threads_or_on_how_queries_come_together()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(500, 500, queryHeads: 4, keyValueHeads: 2, dimension: 7));
        (long, long) Run(int threads, int piece)
        {
            using var cache = new CacheRun(new ClusteredAttention(Small with { SketchRank = 12 }), tensors, new AttentionOptions { Threads = threads });
            while (cache.Length < 500)
            {
                cache.Append(tensors, Math.Min(piece, 500 - cache.Length));
            }
            cache.Certificates.Sum(c => c.Interactions).ShouldBe(cache.Interactions);
            cache.Certificates.Sum(c => c.Screened).ShouldBe(cache.Screened);
            return (cache.Interactions, cache.Screened);
        }

        (long Interactions, long Screened) once = Run(1, 500);
        once.Screened.ShouldBeGreaterThan(0);
        Run(4, 500).ShouldBe(once);
        Run(2, 1).ShouldBe(once);
        Run(1, 77).ShouldBe(once);
    }

    /// <summary>Inputs that are screened, unlike those of the tests of all methods.</summary>
    [Fact]
    public void A_later_token_changes_nothing_earlier()
    {
        long screened = 0;
        Gen.Select(Gen.Int[100, 500], Gen.Double[0.2, 1], Gen.Int[0, 1000]).Sample((keys, part, seed) =>
        {
            int cut = (int)(part * keys);
            AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(keys, keys, queryHeads: 2), seed: seed);
            var method = new ClusteredAttention(Small with { BlockSize = 32, TargetError = 0.2 });
            Interlocked.Add(ref screened, tensors.Run(method).Screened);
            float[] output = [.. tensors.Output], logSumExp = [.. tensors.LogSumExp];
            foreach (float[] data in new[] { tensors.Queries, tensors.Keys, tensors.Values })
            {
                for (int i = 0; i < data.Length; i++)
                {
                    data[i] = i / 16 % keys >= cut ? 5 - 2 * data[i] : data[i];
                }
            }
            tensors.Run(method);
            for (int head = 0; head < 2; head++)
            {
                tensors.Output.AsSpan(head * keys * 16, cut * 16).SequenceEqual(output.AsSpan(head * keys * 16, cut * 16)).ShouldBeTrue();
                tensors.LogSumExp.AsSpan(head * keys, cut).SequenceEqual(logSumExp.AsSpan(head * keys, cut)).ShouldBeTrue();
            }
        }, iter: 25);
        screened.ShouldBeGreaterThan(0);
    }

    /// <summary>Without causality the call is that of the keys that are left.</summary>
    [Theory]
    [MemberData(nameof(Paths))]
    public void A_log_weight_of_minus_infinity_is_a_key_that_is_not_there(SimdPath path)
    {
        const int Queries = 100, Keys = 400, Left = 300;
        AttentionTensors all = MixtureTensors.Create(AttentionTensors.ShapeOf(Queries, Keys), causal: false);
        var left = new AttentionTensors(AttentionTensors.ShapeOf(Queries, Left), causal: false);
        var random = new Random(3);
        bool[] kept = [.. Enumerable.Range(0, Keys).Select(i => i % 4 != 1)];
        all.KeyLogWeights = [.. kept.Select(keep => keep ? random.NextSingle() * 2 - 1 : float.NegativeInfinity)];
        left.KeyLogWeights = [.. all.KeyLogWeights.Where((_, i) => kept[i])];
        all.Queries.CopyTo(left.Queries, 0);
        foreach ((float[] from, float[] to) in new[] { (all.Keys, left.Keys), (all.Values, left.Values) })
        {
            from.Where((_, i) => kept[i / 16]).ToArray().CopyTo(to, 0);
        }
        var run = new AttentionOptions { Simd = path };
        var method = new ClusteredAttention(new ClusteredOptions { TargetError = 0.2 });
        AttentionReport report = all.Run(method, run);
        report.Screened.ShouldBeGreaterThan(0);
        report.Interactions.ShouldBe(left.Run(method, run).Interactions);
        all.Output.ShouldBe(left.Output);
        all.LogSumExp.ShouldBe(left.LogSumExp);
    }

    /// <summary>With causality positions stay, and what a removed key holds is of no account.</summary>
    [Fact]
    public void What_a_removed_key_holds_does_not_matter()
    {
        AttentionTensors tensors = AttentionMethodCases.WithLogWeights(AttentionTensors.ShapeOf(500, 500, queryHeads: 2, dimension: 8), causal: true);
        var method = new ClusteredAttention(Small with { TargetError = 0.5 });
        tensors.Run(method);
        float[] output = [.. tensors.Output];
        for (int i = 0; i < tensors.Keys.Length; i++)
        {
            if (float.IsNegativeInfinity(tensors.KeyLogWeights[i / 8]))
            {
                tensors.Keys[i] = 30 - tensors.Keys[i];
                tensors.Values[i] = 1000;
            }
        }
        tensors.Run(method);
        tensors.Output.ShouldBe(output);
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
        AttentionTensors tensors = AttentionMethodCases.WithLogWeights(AttentionTensors.ShapeOf(300, 300, queryHeads: 2, dimension: 8, valueDimension: 5), causal: true);
        foreach (bool weighted in new[] { true, false })
        {
            tensors.KeyLogWeights = weighted ? tensors.KeyLogWeights : [];
            foreach (ClusteredOptions options in new[] { Small, Small with { BlockSize = 64, Budget = 0.8 } })
            {
                float[] Run()
                {
                    tensors.Poison();
                    tensors.Run(new ClusteredAttention(options), new AttentionOptions { Simd = path });
                    return [.. tensors.Output, .. tensors.LogSumExp];
                }

                float[] expected = Run();
                PoisonedMemory.Fill();
                Run().ShouldBe(expected);
                expected.ShouldNotContain(float.NaN);
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

    /// <summary>A row has a scale of its own: numbers of any size have as many digits.</summary>
    [Theory]
    [InlineData(1e-30f)]
    [InlineData(1e6f)]
    [InlineData(1e30f)]
    [InlineData(1e35f)]
    public void Values_of_any_size_are_stored(float size)
    {
        foreach (bool causal in new[] { true, false })
        {
            AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(200, 200), causal);
            for (int i = 0; i < 16; i++)
            {
                tensors.Values[40 * 16 + i] = size * (i - 8) / 8;
            }
            tensors.Run(new ClusteredAttention(Small));
            tensors.Output.ShouldAllBe(x => float.IsFinite(x));
        }
    }

    /// <summary>Beyond that the sum of the weighted values might not be a number of single precision.</summary>
    [Fact]
    public void Values_whose_sums_may_overflow_are_refused()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(200, 200), causal: true);
        tensors.Values[40 * 16] = 1e38f;
        Should.Throw<LogitOverflowException>(() => tensors.Run(new ClusteredAttention(Small)));
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
                NaiveAttention.ShouldMatch(tensors, (_, _, query) => NaiveAttention.Exact(tensors, query), tolerance: 5e-4);
            }
        }
    }
}
