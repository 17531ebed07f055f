using CsCheck;
using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;

namespace Prescore.Tests.Attention.Clustered;

public class CertificateTests
{
    private static readonly HeadCertificate Rest = new HeadTally(1).Certificate(head: 0, layer: 5, queryHead: 2, chosenThreshold: 3);

    [Fact]
    public void Figures_equal_a_computation_by_hand()
    {
        // Two blocks of 16 tokens: (e, o) = (1, 10), (3, 20) and (2, 10).
        HeadCertificate certificate = Of([Record(3, 1, 10), Record(9, 3, 20), Record(40, 2, 10)]);
        // r = 6 / 40; deviations of the blocks 4 − 30r = −0.5 and 2 − 10r = 0.5; s = √(0.5 · 2 / 1) / 40 = 0.025.
        certificate.Probes.ShouldBe(3);
        certificate.Error.ShouldBe(Math.Sqrt(0.15), 1e-12);
        // Blocks of norms 30 and 10 are worth 40² / 1000 = 1.6: two degrees of freedom are the least, where t is 2.92 (2.885 by the series).
        certificate.ErrorLow.ShouldBe(Math.Sqrt(0.15 - 2.8847 * 0.025), 1e-4);
        certificate.ErrorHigh.ShouldBe(Math.Sqrt(0.15 + 2.8847 * 0.025), 1e-4);
        certificate.Worst.ShouldBe(Math.Sqrt(0.2), 1e-12);
        certificate.Percentile95.ShouldBe(Math.Sqrt(0.2), 1e-12);
        (certificate.Layer, certificate.Head).ShouldBe((5, 2));
        certificate.Share!.Value.ShouldBe(0.25 * Math.Pow(2, -2.0 / 3), 1e-12);
    }

    [Fact]
    public void Probes_count_as_often_as_there_are_blocks_that_they_stand_for()
    {
        HeadCertificate certificate = Of([Record(3, 1, 10), Record(9, 3, 20), Record(40, 2, 10, blocks: 4)]);
        // r = (4 + 4 · 2) / (30 + 4 · 10) = 12 / 70; deviations 4 − 30r and 4 (2 − 10r).
        double r = 12.0 / 70, s = Math.Sqrt(2 * (Math.Pow(4 - 30 * r, 2) + Math.Pow(4 * (2 - 10 * r), 2))) / 70;
        certificate.Probes.ShouldBe(3);
        certificate.Error.ShouldBe(Math.Sqrt(r), 1e-12);
        certificate.ErrorLow.ShouldBe(Math.Sqrt(r - 2.8847 * s), 1e-4);
        certificate.ErrorHigh.ShouldBe(Math.Sqrt(r + 2.8847 * s), 1e-4);
        // 96 of 101 blocks have an error of 0.1, then come 0.3 and, as the very last, 0.4.
        Of([Record(1, 0.16, 1), Record(2, 0.01, 1, blocks: 96), Record(3, 0.09, 1, blocks: 4)]).Percentile95.ShouldBe(0.1, 1e-6);
        Of([Record(1, 0.16, 1), Record(2, 0.01, 1, blocks: 95), Record(3, 0.09, 1, blocks: 5)]).Percentile95.ShouldBe(0.3, 1e-6);
    }

    /// <summary>Against a table of Student's t: as many degrees of freedom as equal blocks less one, and the variance as in the test above.</summary>
    [Theory]
    [InlineData(5, 2.132)]
    [InlineData(10, 1.833)]
    [InlineData(31, 1.697)]
    public void Interval_of_equal_blocks_is_Students(int blocks, double t)
    {
        ProbeRecord[] records = [.. Enumerable.Range(0, blocks).Select(i => Record(16 * i, 1 + 0.2 * (i % 3), 10))];
        double mean = records.Average(record => record.SquaredErrorInUse);
        double error = Math.Sqrt(records.Sum(record => Math.Pow(record.SquaredErrorInUse - mean, 2)) / (blocks - 1.0) / blocks);
        HeadCertificate certificate = Of(records);
        certificate.ErrorLow.ShouldBe(Math.Sqrt((mean - t * error) / 10), 1e-4);
        certificate.ErrorHigh.ShouldBe(Math.Sqrt((mean + t * error) / 10), 1e-4);
    }

    /// <summary>A head whose probes agree has half of what the heads of its group differ by; one that is exact adds nothing.</summary>
    [Fact]
    public void Heads_of_a_group_share_how_much_blocks_differ()
    {
        ProbeRecord[] agreeing = [.. Enumerable.Range(0, 10).Select(i => Record(16 * i, 2, 10))];
        ProbeRecord[] differing = [.. Enumerable.Range(0, 10).Select(i => Record(16 * i, i % 2 == 0 ? 1 : 3, 10))];
        ProbeRecord[] exact = [.. Enumerable.Range(0, 10).Select(i => Record(16 * i, 0, 10))];
        HeadCertificate[] certificates = [.. CertificateSummary.Of([agreeing, differing, exact], 16, [Rest, Rest, Rest])];
        // Relative variances 0 and v = (1 / 20)² · 10 · 10 / 9, their mean v / 2; t of nine degrees of freedom.
        double v = 10.0 / 400 * 10 / 9, t = 1.833;
        certificates[0].ErrorHigh.ShouldBe(Math.Sqrt(0.2 * (1 + t * Math.Sqrt(v / 4))), 1e-4);
        certificates[1].ErrorHigh.ShouldBe(Math.Sqrt(0.2 * (1 + t * Math.Sqrt(0.75 * v))), 1e-4);
        (certificates[2].Error, certificates[2].ErrorHigh).ShouldBe((0, 0));
    }

    [Fact]
    public void Percentile_is_the_nearest_rank()
    {
        // Errors 1 … 100 per cent: rank 95 of 100.
        ProbeRecord[] records = [.. Enumerable.Range(1, 100).Select(i => Record(i, i * i * 1e-4, 1))];
        HeadCertificate certificate = Of(records);
        certificate.Percentile95.ShouldBe(0.95, 1e-6);
        certificate.Worst.ShouldBe(1, 1e-6);
    }

    [Fact]
    public void Without_probes_or_with_outputs_of_0_the_errors_are_0()
    {
        Of([]).ShouldBe(Rest);
        Of([Record(1, 0, 0), Record(2, 0, 0)]).ShouldBe(Rest with { Probes = 2 });
    }

    [Fact]
    public void Error_lies_in_its_interval_and_below_the_worst() =>
        Gen.Select(Gen.Double[0, 2], Gen.Double[1e-6, 5]).Array[1, 60].Sample(probes =>
        {
            HeadCertificate c = Of([.. probes.Select((probe, i) => Record(7 * i, probe.Item1, probe.Item2))]);
            c.ErrorLow.ShouldBeInRange(0, c.Error);
            c.ErrorHigh.ShouldBeGreaterThanOrEqualTo(c.Error);
            c.Error.ShouldBeLessThanOrEqualTo(c.Worst * (1 + 1e-12));
            c.Percentile95.ShouldBeLessThanOrEqualTo(c.Worst);
            c.Error.ShouldBe(Math.Sqrt(probes.Sum(probe => probe.Item1) / probes.Sum(probe => probe.Item2)), 1e-6);
        }, iter: 300);

    /// <summary>The certificate of a run is what its records say, and its counts are those of its blocks.</summary>
    [Fact]
    public void Certificates_of_a_run_follow_from_its_records_and_blocks()
    {
        AttentionTensors tensors = MixtureTensors.Create(AttentionTensors.ShapeOf(700, 700, queryHeads: 4, keyValueHeads: 2));
        var options = new ClusteredOptions { BlockSize = 32, Near = 8, TargetError = 0.3, ProbeSpacing = 2, Probes = 4 };
        ClusteredTrace trace = ClusteredTrace.Run(tensors, options, new AttentionOptions { Layer = 4 });
        for (int head = 0; head < 4; head++)
        {
            HeadCertificate c = trace.Certificates[head];
            ProbeRecord[] records = [.. trace.Records[0].Where(record => record.Head == head)];
            records.Select(record => record.Position).ShouldBe(Enumerable.Range(0, 700).Where(position => ProbeSchedule.IsProbe(options, position)));
            (c.Layer, c.Head, c.Probes).ShouldBe((4, head, records.Length));
            // Every second block is a probe block from the third on.
            int[] probed = [1, 2, .. Enumerable.Range(1, 10).Select(i => 2 * i + 1)];
            records.Select(record => record.Position / 32).Distinct().ShouldBe(probed);
            double Blocks(ProbeRecord record) => record.Position / 32 < 4 ? 1 : 2;
            c.Error.ShouldBe(
                Math.Sqrt(records.Sum(record => Blocks(record) * record.SquaredErrorInUse) / records.Sum(record => Blocks(record) * record.SquaredNorm)), 1e-12);
            int[] chosenThresholds = [.. trace.Blocks[0].Skip(1).Select(block => block.ChosenThresholds[head])];
            c.Blocks.ShouldBe(chosenThresholds.Length);
            c.ExactBlocks.ShouldBe(chosenThresholds.Count(chosenThreshold => chosenThreshold == Thresholds.Exact));
            c.Share.ShouldBe(trace.Blocks[0][^1].ChosenThresholds[head] switch
            {
                Thresholds.Exact => null,
                0 => 1,
                int step => Thresholds.Share(step),
            });
            c.ExactInteractions.ShouldBe(700 * 701 / 2);
            c.UnmetBlocks.ShouldBe(0);
        }
        trace.Certificates.Sum(c => c.Interactions).ShouldBe(trace.Report.Interactions);
        trace.Certificates.Sum(c => c.Screened).ShouldBe(trace.Report.Screened);
        trace.Certificates.ShouldContain(c => c.ExactBlocks < c.Blocks / 2);
    }

    /// <summary>The share that is reported: 1 where no key is computed, none where all are.</summary>
    [Theory]
    [InlineData(0, 1.0)]
    [InlineData(1, 0.25)]
    [InlineData(7, 0.0625)]
    [InlineData(Thresholds.Exact, null)]
    public void Share_is_that_of_the_step(int step, double? share)
    {
        double? reported = new HeadTally(1).Certificate(0, 0, 0, step).Share;
        reported.HasValue.ShouldBe(share.HasValue);
        (reported ?? 0).ShouldBe(share ?? 0, 1e-12);
    }

    /// <summary>Only the error at the step in use counts, and none where that is exact.</summary>
    [Fact]
    public void Errors_are_those_of_the_step_in_use()
    {
        float[] errors = [.. Enumerable.Range(0, Thresholds.Count).Select(step => 49f - step)];
        var record = new ProbeRecord(3, 0, errors, [], 10, 1, Blocks: 1, ThresholdInUse: 40);
        record.SquaredErrorInUse.ShouldBe(9);
        (record with { ThresholdInUse = Thresholds.Exact }).SquaredErrorInUse.ShouldBe(0);
    }

    private static HeadCertificate Of(params ProbeRecord[] records) => CertificateSummary.Of([records], 16, [Rest]).Single();

    private static ProbeRecord Record(int position, double error, double norm, int blocks = 1) =>
        new(position, 0, [0, 0, 0, (float)error], [], 10, norm, blocks, 3);
}
