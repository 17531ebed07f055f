using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Tests.Attention.Oracles;

namespace Prescore.Tests.Attention.Clustered;

/// <summary>The whole method against <see cref="NaiveClustered"/>.</summary>
public class ClusteredOracleTests
{
    private static readonly ClusteredOptions Small = new() { BlockSize = 16, Near = 8, TargetError = 0.3, ProbeSpacing = 2, Probes = 4, FirstSegment = 100 };

    public static TheoryData<SimdPath> Paths => [SimdPath.Scalar, SimdPath.Vector256, SimdPath.Vector512];

    [Theory]
    [MemberData(nameof(Paths))]
    public void Equals_the_oracle_over_odd_lengths(SimdPath path)
    {
        foreach ((int queries, int keys) in new[] { (1, 1), (3, 5), (63, 63), (65, 65), (257, 257), (1, 257), (100, 257), (500, 1000), (1537, 1537) })
        {
            AttentionShape shape = AttentionTensors.ShapeOf(queries, keys, queryHeads: keys > 1000 ? 1 : 3, dimension: 8, valueDimension: 5);
            Check(MixtureTensors.Create(shape), Small, path);
            Check(MixtureTensors.Create(shape), new ClusteredOptions(), path);
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Equals_the_oracle_on_head_sizes_batches_and_groups(SimdPath path)
    {
        foreach ((int dimension, int valueDimension) in new[] { (8, 8), (16, 40), (64, 64), (33, 7) })
        {
            AttentionShape shape = AttentionTensors.ShapeOf(257, 257, queryHeads: 4, keyValueHeads: 2, dimension, valueDimension, batch: 2);
            Check(MixtureTensors.Create(shape), Small with { BlockSize = 32, Near = 0 }, path);
            Check(new AttentionTensors(shape, causal: true), Small, path);
        }
    }

    [Theory]
    [InlineData(0.25)]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(64)]
    public void Equals_the_oracle_for_any_number_of_clusters(double factor)
    {
        AttentionShape shape = AttentionTensors.ShapeOf(600, 600, queryHeads: 3, dimension: 16);
        foreach (double target in new[] { 0.05, 0.4, 1 })
        {
            Check(MixtureTensors.Create(shape), Small with { ClusterFactor = factor, TargetError = target });
        }
    }

    [Fact]
    public void Equals_the_oracle_for_other_settings()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(500, 600, queryHeads: 3, dimension: 16));
        Check(tensors, Small with { Near = 100 });
        Check(tensors, Small with { Probes = 1, ProbeSpacing = 1, ProbeDecay = 1 });
        // Every query of a probe block is a probe.
        Check(tensors, Small with { Probes = 1000, ProbeSpacing = 3, ProbeDecay = 0.1 });
        Check(tensors, Small with { FitSteps = 0, RefitGrowth = 3 });
        Check(tensors, Small with { FirstSegment = 1 });
        Check(tensors, Small with { FirstSegment = int.MaxValue });
        Check(tensors, Small with { LastThreshold = 0, TargetError = 1 });
        Check(tensors, Small with { LastThreshold = 7, TargetError = 0.2 });
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Equals_the_oracle_for_any_length_of_sketches(SimdPath path)
    {
        foreach ((int rank, int dimension) in new[] { (4, 16), (8, 5), (16, 1), (20, 33), (32, 16), (64, 64) })
        {
            AttentionShape shape = AttentionTensors.ShapeOf(500, 500, queryHeads: 2, dimension: dimension, valueDimension: 9);
            Check(MixtureTensors.Create(shape), Small with { SketchRank = rank, TargetError = 0.15 }, path);
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Log_weights_shift_logits_and_remove_keys(SimdPath path)
    {
        foreach (int length in new[] { 63, 257, 700 })
        {
            AttentionShape shape = AttentionTensors.ShapeOf(length - 20, length, queryHeads: 4, keyValueHeads: 2, dimension: 8);
            Check(AttentionMethodCases.WithLogWeights(shape, causal: true), Small, path);
        }
        // The far part of one head is empty in a probe block, that of the other is not.
        Check(AttentionMethodCases.WithLogWeights(AttentionTensors.ShapeOf(900, 900, queryHeads: 4, keyValueHeads: 2, dimension: 8), causal: true), new ClusteredOptions(), path);
    }

    [Fact]
    public void Screening_is_used()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(1500, 1500, queryHeads: 3, dimension: 16), sharpness: 3);
        ClusteredTrace trace = Check(tensors, Small with { BlockSize = 64, TargetError = 0.1 });
        int[] chosenThresholds = [.. trace.Blocks[0].SelectMany(block => block.ChosenThresholds).Distinct()];
        chosenThresholds.Length.ShouldBeGreaterThan(3);
        chosenThresholds.ShouldContain(Thresholds.Exact);
        trace.Report.Budget.ShouldBeLessThan(0.9);
        trace.Report.Screened.ShouldBeGreaterThan(trace.Report.ExactInteractions / 20);
        trace.Certificates.ShouldAllBe(certificate => certificate.Probes > 20 && certificate.Error > 0);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Probe_records_hold_what_each_step_does_and_steps_follow_from_them(SimdPath path)
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(300, 340, queryHeads: 2, dimension: 16, batch: 2));
        ClusteredOptions options = Small with { BlockSize = 32 };
        ClusteredTrace trace = ClusteredTrace.Run(tensors, options, new AttentionOptions { Simd = path });
        var oracle = new NaiveClustered(tensors, options, trace);
        for (int batch = 0; batch < 2; batch++)
        {
            trace.Records[batch].Length.ShouldBeGreaterThan(20);
            trace.Records[batch].Count(record => record.SquaredErrorInUse > 0).ShouldBeGreaterThan(5);
            oracle.RecordsShouldMatch(batch);
        }
        oracle.Checked.ShouldBeGreaterThan(1000);
        oracle.Ambiguous.ShouldBeLessThan(oracle.Checked / 50);
    }

    /// <summary>The method itself gives the bits of the layer whose inside was traced.</summary>
    internal static ClusteredTrace Check(AttentionTensors tensors, ClusteredOptions options, SimdPath path = SimdPath.Vector512, double tolerance = 1e-5)
    {
        var run = new AttentionOptions { Simd = path, Seed = 7, Layer = 3 };
        tensors.Poison();
        ClusteredTrace trace = ClusteredTrace.Run(tensors, options, run);
        var oracle = new NaiveClustered(tensors, options, trace);
        oracle.ShouldMatch(tolerance);
        oracle.Ambiguous.ShouldBeLessThanOrEqualTo(1 + oracle.Checked / 50);
        float[] output = [.. tensors.Output], logSumExp = [.. tensors.LogSumExp];
        tensors.Poison();
        AttentionReport report = tensors.Run(new ClusteredAttention(options), run);
        tensors.Output.AsSpan().SequenceEqual(output).ShouldBeTrue();
        tensors.LogSumExp.AsSpan().SequenceEqual(logSumExp).ShouldBeTrue();
        (report.Interactions, report.Screened).ShouldBe((trace.Report.Interactions, trace.Report.Screened));
        report.Certificates.ShouldBe(trace.Certificates);
        return trace;
    }
}
