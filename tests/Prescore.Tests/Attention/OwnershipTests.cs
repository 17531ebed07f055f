using Prescore.Attention;
using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Scoring;
using Prescore.Tests.Scoring;

namespace Prescore.Tests.Attention;

/// <summary>Native memory is given back when its owner is disposed of, not when the garbage collector comes by: it is counted on one thread.</summary>
public class OwnershipTests
{
    private static readonly AttentionOptions OneThread = AttentionOptions.Default with { Threads = 1 };

    public static TheoryData<string> Scorers => [.. ScoringKeys.OwnScorers];

    public static TheoryData<string> Methods =>
    [
        "exact",
        "window:w=40",
        "coreset:s=20,w=30",
        "hyper:block=16,sample=16,min=64",
        "quest:s=40,page=16",
        "quoka:s=30,queries=5,chunk=32",
        "xattention:threshold=0.5,stride=8",
        "clustered:error=0.1,block=64",
        "clustered:budget=0.5,block=64",
        "prescored:scorer=kmedian,s=20,w=30,rest=coreset,reps=10",
        "prescored:scorer=observed-value,s=20,w=30",
        "prescored:scorer=kmeans-value,s=20,inner=hyper,block=16,sample=16,min=64",
        .. ScoringKeys.OwnScorers.Select(scorer => $"prescored:scorer={scorer},s=20,w=30"),
        .. ScoringKeys.OwnScorers.Select(scorer => $"prescored:scorer={scorer},s=20,inner=hyper,block=16,sample=16,min=64"),
    ];

    [Theory]
    [MemberData(nameof(Scorers))]
    public void A_fitted_scorer_gives_back_what_it_holds(string name)
    {
        float[] keys = ScoringKeys.Clustered(200, 16, seed: 3);
        long before = RegionMemory.HeldByThread;
        ScoringKeys.Score(KeyScorers.Create(name), keys, 16, ScoringKeys.Context(40));
        RegionMemory.HeldByThread.ShouldBe(before);
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_call_gives_back_what_it_rents(string spec)
    {
        IAttention method = AttentionMethods.Create(spec);
        foreach (bool causal in new[] { true, false })
        {
            var tensors = new AttentionTensors(AttentionTensors.ShapeOf(700, 700, queryHeads: 2, keyValueHeads: 1), causal);
            long before = RegionMemory.HeldByThread;
            tensors.Run(method, OneThread);
            FreeScratch(method);
            RegionMemory.HeldByThread.ShouldBe(before);
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void A_cache_gives_back_what_it_holds_whatever_became_of_it(string spec)
    {
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(700, 700, queryHeads: 2, keyValueHeads: 1), causal: true);
        long before = RegionMemory.HeldByThread;
        IAttention method = AttentionMethods.Create(spec);
        var cache = new CacheRun(method, tensors, OneThread);
        cache.Append(tensors, 600);
        CacheRun fork = cache.Fork();
        cache.Rewind(270);
        cache.Append(tensors, 400);
        for (int token = 0; token < 3; token++)
        {
            cache.Append(tensors, 1);
            fork.Append(tensors, 1);
        }
        fork.Dispose();
        cache.Dispose();
        FreeScratch(method);
        RegionMemory.HeldByThread.ShouldBe(before);
    }

    /// <summary>Clustered attention keeps its scratch memory from one call to the next.</summary>
    private static void FreeScratch(IAttention method) => (method as ClusteredAttention)?.Pools.FreeIdle();

    [Theory]
    [InlineData(1)]
    [InlineData(100)]
    [InlineData(300_001)]
    public unsafe void Mapped_memory_of_any_size_can_be_written_and_given_back(int bytes)
    {
        long before = RegionMemory.HeldByThread;
        nint memory = RegionMemory.Map(bytes);
        (memory % 64).ShouldBe(0);
        new Span<byte>((void*)memory, bytes).Fill(7);
        RegionMemory.HeldByThread.ShouldBe(before + bytes);
        RegionMemory.Unmap(memory, bytes);
        RegionMemory.HeldByThread.ShouldBe(before);
        RegionMemory.Map(0).ShouldBe(0);
    }

    [Fact]
    public void Layers_share_batches_which_stay_until_those_of_another_shape_are_asked_for()
    {
        var pools = new QueryBatchPools();
        var shape = new BatchShape(SimdPath.Scalar, Rows: 8, Dimension: 8, ValueDimension: 8, Rank: 4);
        long before = RegionMemory.HeldByThread;
        QueryBatchPool first = pools.Share(shape), second = pools.Share(shape);
        second.ShouldBeSameAs(first);
        QueryBatch batch = first.Rent();
        first.Return(batch);
        pools.Release(first);
        QueryBatchPool other = pools.Share(shape with { Rows = 16 });
        other.ShouldNotBeSameAs(first);
        RegionMemory.HeldByThread.ShouldBeGreaterThan(before, "the second owner still has it");
        pools.Release(second);
        pools.Release(other);
        pools.Share(shape).Rent().ShouldBeSameAs(batch);
        first.Return(batch);
        pools.Release(first);
        pools.Share(shape with { Rows = 32 });
        RegionMemory.HeldByThread.ShouldBe(before);
        pools.Share(shape).ShouldNotBeSameAs(first);
    }

    [Theory]
    [InlineData(0, 100)]
    [InlineData(100, 300_001)]
    [InlineData(70_000, 3_000_000)]
    [InlineData(300_001, 80_000)]
    [InlineData(300_001, 50)]
    public unsafe void Growing_memory_keeps_its_content_and_counts(int bytes, int wanted)
    {
        long before = RegionMemory.HeldByThread;
        using (var memory = new GrowingMemory())
        {
            memory.Resize(bytes);
            var random = new Random(3);
            random.NextBytes(new Span<byte>((void*)memory.Pointer, bytes));
            byte[] kept = new Span<byte>((void*)memory.Pointer, Math.Min(bytes, wanted)).ToArray();
            memory.Resize(wanted);
            memory.Bytes.ShouldBe(wanted);
            (memory.Pointer % 64).ShouldBe(0);
            RegionMemory.HeldByThread.ShouldBe(before + wanted);
            new Span<byte>((void*)memory.Pointer, kept.Length).SequenceEqual(kept).ShouldBeTrue();
            new Span<byte>((void*)memory.Pointer, wanted).Fill(1);
        }
        RegionMemory.HeldByThread.ShouldBe(before);
    }

    [Fact]
    public void Buffers_that_are_kept_are_found_again_and_counted()
    {
        long before = RegionMemory.HeldByThread;
        using (NativeBuffer buffer = NativeBuffer.Rent(5000))
        {
            RegionMemory.HeldByThread.ShouldBe(before + 8192 * sizeof(float));
            buffer.Length.ShouldBe(5000);
        }
        using (NativeBuffer exact = NativeBuffer.Allocate(5000))
        {
            RegionMemory.HeldByThread.ShouldBe(before + 5000 * sizeof(float));
        }
        RegionMemory.HeldByThread.ShouldBe(before);
    }
}
