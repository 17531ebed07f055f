using Prescore.Attention.Contracts;
using Prescore.Tests.Attention.Oracles;

namespace Prescore.Tests.Attention;

/// <summary>What the tests of all methods share.</summary>
internal static class AttentionMethodCases
{
    /// <summary>Random log-weights of which a fourth remove their key; the first half of the first head's keys is removed.</summary>
    public static AttentionTensors WithLogWeights(AttentionShape shape, bool causal)
    {
        var tensors = new AttentionTensors(shape, causal);
        var random = new Random(5);
        tensors.KeyLogWeights = [.. Enumerable.Range(0, shape.Batch * shape.KeyValueHeads * shape.Keys).Select(i =>
            i < shape.Keys / 2 || random.Next(4) == 0 ? float.NegativeInfinity : (float)random.NextDouble() * 3)];
        return tensors;
    }

    /// <summary>Reported interactions are the oracle's; where no key is removed, so is their closed form; they never exceed exact's.</summary>
    public static void InteractionsShouldMatch(
        AttentionTensors tensors,
        ISizedAttention method,
        AttentionReport report,
        Func<int, int, int, IEnumerable<(int Key, double Bias)>> visible,
        Func<long>? scored = null)
    {
        InteractionsShouldMatch(tensors, report, visible, scored);
        report.Interactions.ShouldBeLessThanOrEqualTo(report.ExactInteractions);
        if (tensors.KeyLogWeights.Length == 0)
        {
            method.CountInteractions(tensors.Shape, tensors.Causal).ShouldBe(report.Interactions);
        }
    }

    /// <summary>Reported interactions are the oracle's.</summary>
    /// <param name="tensors">What was attended.</param>
    /// <param name="report">What the method reported.</param>
    /// <param name="visible">The oracle's keys of a query.</param>
    /// <param name="scored">Products that chose these keys, asked for when all are known; null: none did.</param>
    public static void InteractionsShouldMatch(
        AttentionTensors tensors, AttentionReport report, Func<int, int, int, IEnumerable<(int Key, double Bias)>> visible, Func<long>? scored)
    {
        AttentionShape shape = tensors.Shape;
        long expected = 0;
        for (int batch = 0; batch < shape.Batch; batch++)
        {
            for (int head = 0; head < shape.QueryHeads; head++)
            {
                for (int query = 0; query < shape.Queries; query++)
                {
                    expected += visible(batch, head, query).Count(entry => HyperOracle.IsKept(tensors, batch, head / shape.GroupSize, entry.Key));
                }
            }
        }
        report.Interactions.ShouldBe(expected + (scored?.Invoke() ?? 0));
    }
}
