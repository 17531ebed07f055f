using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Tests.Attention.Oracles;

namespace Prescore.Tests.Attention.Clustered;

/// <summary>Clustered attention without causality: all keys are far.</summary>
public class WholeSequenceTests
{
    public static TheoryData<SimdPath> Paths => [SimdPath.Scalar, SimdPath.Vector256, SimdPath.Vector512];

    [Theory]
    [MemberData(nameof(Paths))]
    public void Equals_the_oracle(SimdPath path)
    {
        foreach ((int queries, int keys) in new[] { (1, 1), (3, 1), (1, 300), (63, 65), (257, 257), (300, 1000) })
        {
            AttentionShape shape = AttentionTensors.ShapeOf(queries, keys, queryHeads: 4, keyValueHeads: 2, dimension: 16, valueDimension: 20, batch: 2);
            foreach (double target in new[] { 0.05, 0.5 })
            {
                ClusteredOracleTests.Check(MixtureTensors.Create(shape, causal: false), new ClusteredOptions { TargetError = target }, path);
            }
            ClusteredOracleTests.Check(new AttentionTensors(shape, causal: false), new ClusteredOptions { Probes = 2 }, path);
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Log_weights_equal_the_oracle(SimdPath path)
    {
        AttentionShape shape = AttentionTensors.ShapeOf(150, 400, queryHeads: 4, keyValueHeads: 2, dimension: 8);
        ClusteredOracleTests.Check(AttentionMethodCases.WithLogWeights(shape, causal: false), new ClusteredOptions { TargetError = 0.5 }, path);
    }

    [Fact]
    public void Without_keys_outputs_are_0()
    {
        foreach (bool removed in new[] { false, true })
        {
            var tensors = new AttentionTensors(AttentionTensors.ShapeOf(40, removed ? 9 : 0), causal: false);
            tensors.KeyLogWeights = [.. Enumerable.Repeat(float.NegativeInfinity, tensors.Shape.Keys)];
            tensors.Run(new ClusteredAttention(new ClusteredOptions())).Interactions.ShouldBe(0);
            tensors.Output.ShouldAllBe(x => x == 0);
            tensors.LogSumExp.ShouldAllBe(x => x == float.NegativeInfinity);
        }
        new AttentionTensors(AttentionTensors.ShapeOf(0, 40), causal: false).Run(new ClusteredAttention(new ClusteredOptions())).Interactions.ShouldBe(0);
    }

    [Fact]
    public void Certifies_with_probes_that_did_not_choose()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(1200, 1200, queryHeads: 2, dimension: 16), causal: false);
        var options = new ClusteredOptions { TargetError = 0.2, Probes = 40 };
        ClusteredTrace trace = ClusteredTrace.Run(tensors, options);
        var oracle = new NaiveClustered(tensors, options, trace);
        for (int head = 0; head < 2; head++)
        {
            HeadCertificate certificate = trace.Certificates[head];
            (certificate.Head, certificate.Probes, certificate.Blocks, certificate.ExactBlocks).ShouldBe((head, 40, 1, 0));
            certificate.Share!.Value.ShouldBe(Thresholds.Share(trace.Blocks[0][0].ChosenThresholds[head]));
            double error = oracle.RelativeError(0, head);
            error.ShouldBeInRange(certificate.ErrorLow * 0.7, certificate.ErrorHigh * 1.4);
            error.ShouldBeInRange(0.02, 0.3);
        }
        trace.Report.Budget.ShouldBeLessThan(0.7);
    }

    [Fact]
    public void Steps_are_those_that_the_probes_errors_choose()
    {
        int untold = 0;
        var seen = new HashSet<int>();
        foreach (double target in new[] { 0.02, 0.08, 0.2, 0.5, 1 })
        {
            foreach (double? budget in new double?[] { null, 0.7 })
            {
                AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(120, 500, queryHeads: 4, keyValueHeads: 2, batch: 2), causal: false);
                var options = new ClusteredOptions { TargetError = target, Budget = budget, Probes = 6 };
                ClusteredTrace trace = ClusteredTrace.Run(tensors, options);
                var oracle = new NaiveClustered(tensors, options, trace);
                untold += oracle.ChoicesShouldMatch(0) + oracle.ChoicesShouldMatch(1);
                seen.UnionWith(trace.Blocks.SelectMany(blocks => blocks[0].ChosenThresholds));
            }
        }
        untold.ShouldBeLessThan(4);
        seen.ShouldContain(Thresholds.Exact);
        seen.Count.ShouldBeGreaterThan(4);
    }

    /// <summary>Spread probes, all in one group: sequences beyond an item and groups of several query heads.</summary>
    [Fact]
    public void Budgets_hold_over_the_whole_sequence()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(600, 900, queryHeads: 4, keyValueHeads: 2, dimension: 64), causal: false);
        foreach (double budget in new[] { 0.2, 0.5, 0.8 })
        {
            var options = new ClusteredOptions { Budget = budget, SketchRank = 16, Probes = 4 };
            AttentionReport report = tensors.Run(new ClusteredAttention(options));
            report.Budget.ShouldBeInRange(0.6 * budget, budget);
            report.Certificates!.ShouldAllBe(c => c.UnmetBlocks == 1 && c.Budget <= budget && c.Screened > 0);
        }
        // A whole budget does not cap.
        tensors.Run(new ClusteredAttention(new ClusteredOptions { Budget = 1 })).Certificates!.ShouldAllBe(c => c.UnmetBlocks == 0 && c.ExactBlocks == 1);
    }
}
