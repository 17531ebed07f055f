using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Kernels;

namespace Prescore.Tests.Attention;

/// <summary>Finite inputs with huge products: right where single precision holds the logits, else an exception that names the query.</summary>
public class OverflowTests
{
    public static TheoryData<string> Methods => ["exact", "window:w=3", "hyper:block=2,sample=1,min=2", "prescored:s=2,w=1", "prescored:scorer=norm,s=2,inner=hyper,block=2,sample=1,min=2", "coreset:s=2", "quest:s=1", "quoka:s=2,chunk=2", "xattention:threshold=0.5", "clustered:error=0.1"];

    public static TheoryData<SimdPath> Paths => [SimdPath.Scalar, SimdPath.Vector256, SimdPath.Vector512];

    [Theory]
    [MemberData(nameof(Paths))]
    public void Logits_that_single_precision_holds_are_right(SimdPath path)
    {
        foreach (bool causal in new[] { true, false })
        {
            Check([3e4f, 3e4f], [3e4f, 3e4f, 0, 0, 0, 0, 0, 0], causal, path);
            Check([2e19f, 0], [-1e19f, 0, -1e19f, 0, -1e19f, 0, -1e19f, 0], causal, path);
            Check([1e19f, 0], [3e19f, 0, 2e19f, 0, -1e19f, 0, 0, 0], causal, path);
        }
    }

    [Theory]
    [MemberData(nameof(Methods))]
    public void Products_beyond_it_are_refused(string spec)
    {
        foreach (bool causal in new[] { true, false })
        {
            AttentionTensors tensors = Tensors([1e20f, 0], [3e20f, 0, 2e20f, 0, 1e20f, 0, 0, 0], causal);
            LogitOverflowException error = Should.Throw<LogitOverflowException>(() => tensors.Run(AttentionMethods.Create(spec)));
            (error.Head ?? 0).ShouldBe(0);
        }
        AttentionTensors tokens = Tensors([1e20f, 0], [3e20f, 0, 2e20f, 0, 1e20f, 0, 0, 0], causal: true);
        using var cache = new CacheRun(AttentionMethods.Create(spec), tokens, AttentionOptions.Default);
        Should.Throw<LogitOverflowException>(() => cache.Append(tokens, 2));
        cache.Length.ShouldBe(0);
    }

    [Fact]
    public void Partial_sums_that_overflow_and_huge_values_are_refused()
    {
        // +∞ − ∞ on the way to a logit of 0.
        Should.Throw<LogitOverflowException>(() => Tensors([1e20f, -1e20f], [3e20f, 3e20f, 0, 0, 0, 0, 0, 0], causal: false).Run(AttentionMethods.Create("exact")));
        AttentionTensors values = Tensors([1, 1], [0, 0, 0, 0, 0, 0, 0, 0], causal: false);
        values.Values.AsSpan().Fill(3e38f);
        Should.Throw<LogitOverflowException>(() => values.Run(AttentionMethods.Create("exact")));
    }

    private static void Check(float[] query, float[] keys, bool causal, SimdPath path)
    {
        AttentionTensors tensors = Tensors(query, keys, causal);
        tensors.Run(AttentionMethods.Create("exact"), new AttentionOptions { Simd = path });
        for (int i = 0; i < 4; i++)
        {
            double[] logits = [.. Enumerable.Range(0, causal ? i + 1 : 4).Select(j => ((double)query[0] * keys[2 * j] + (double)query[1] * keys[2 * j + 1]) / Math.Sqrt(2))];
            double largest = logits.Max(), sum = logits.Sum(logit => Math.Exp(logit - largest));
            for (int column = 0; column < 2; column++)
            {
                double expected = logits.Select((logit, j) => Math.Exp(logit - largest) / sum * tensors.Values[2 * j + column]).Sum();
                ((double)tensors.OutputRow(0, 0, i)[column]).ShouldBe(expected, 1e-4);
            }
            ((double)tensors.LogSumExpOf(0, 0, i)).ShouldBe(largest + Math.Log(sum), 1e-6 * Math.Max(1, Math.Abs(largest)));
        }
    }

    private static AttentionTensors Tensors(float[] query, float[] keys, bool causal)
    {
        var tensors = new AttentionTensors(AttentionTensors.ShapeOf(4, 4, queryHeads: 1, dimension: 2), causal);
        for (int i = 0; i < 8; i++)
        {
            (tensors.Queries[i], tensors.Keys[i], tensors.Values[i]) = (query[i % 2], keys[i], i + 1);
        }
        return tensors;
    }
}
