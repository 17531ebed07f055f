using Prescore.Attention.Clustered;
using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Experiments.Reports;

namespace Prescore.Tests.Experiments;

public class CertificateReportTests
{
    private static readonly ClusteredAttention Targeted = new(new ClusteredOptions { TargetError = 0.1 });

    /// <summary>A routed, an exact, an unmet and an unprobed head.</summary>
    internal static CertificateReport EveryState => CertificateReport.Of(
        Targeted,
        [[Head(0, 0, 0.1), Head(0, 1, 0, share: null), Head(1, 0, 0.2, unmet: 3), Head(1, 1, 0, probes: 0)]])!;

    internal static CertificateReport WithoutProbes => CertificateReport.Of(Targeted, [[Head(0, 0, 0, probes: 0)]])!;

    /// <summary>Layers 0 and 4, two heads each; head 1 of layer 0 has other figures in each window.</summary>
    internal static CertificateReport TwoWindows => CertificateReport.Of(
        Targeted,
        [
            [Head(0, 0, 0.1), Head(0, 1, 0.3), Head(4, 0, 0.1), Head(4, 1, 0.1)],
            [Head(0, 0, 0.1), Head(0, 1, 0.1, probes: 24), Head(4, 0, 0.1), Head(4, 1, 0.1)],
        ])!;

    [Fact]
    public void Every_head_of_every_window_counts_once()
    {
        CertificateReport report = CertificateReport.Of(
            Targeted, [[Head(0, 1, 0.3), Head(0, 0, 0.1)], [Head(0, 0, 0.2), Head(0, 1, 0, probes: 0)]])!;

        report.TargetError.ShouldBe(0.1);
        report.CertifiedHeads.ShouldBe(3);
        report.Probes.ShouldBe(24);
        report.MedianError.ShouldBe(0.2);
        report.Percentile95Error.ShouldBe(0.3);
        report.WorstError.ShouldBe(0.3);
        report.Worst()!.Head.ShouldBe(1);
        report.Heads.Select(head => (head.Window, head.Head)).ShouldBe([(0, 0), (0, 1), (1, 0), (1, 1)]);
    }

    [Fact]
    public void Exact_and_unmet_heads_are_told_apart()
    {
        HeadCertificate[] heads = [Head(0, 0, 0.1), Head(0, 1, 0, share: null), Head(0, 2, 0.2, share: null, unmet: 3), Head(0, 3, 0.2, unmet: 1)];

        CertificateReport report = CertificateReport.Of(Targeted, [heads])!;

        report.Heads.Select(head => head.State).ShouldBe([HeadState.Screened, HeadState.Exact, HeadState.Unmet, HeadState.Screened]);
        report.ExactHeads.ShouldBe(1);
        report.UnmetHeads.ShouldBe(1);
    }

    [Fact]
    public void A_budget_alone_has_no_target_to_miss()
    {
        var method = new ClusteredAttention(new ClusteredOptions { Budget = 0.2 });

        CertificateReport report = CertificateReport.Of(method, [[Head(0, 0, 0.4, share: null, unmet: 3)]])!;

        report.TargetError.ShouldBeNull();
        report.UnmetHeads.ShouldBeNull();
        report.ExactHeads.ShouldBe(0);
    }

    [Fact]
    public void Methods_without_certificates_have_no_report_and_short_texts_no_figures()
    {
        CertificateReport.Of(new ExactAttention(), [[], []]).ShouldBeNull();
        CertificateReport.Of(Targeted, [[Head(0, 0, 0, probes: 0)]])!.MedianError.ShouldBeNull();
    }

    private static HeadCertificate Head(int layer, int head, double error, int probes = 8, double? share = 0.1, int unmet = 0) => new()
    {
        Layer = layer,
        Head = head,
        Probes = probes,
        Error = error,
        ErrorLow = error,
        ErrorHigh = error,
        Percentile95 = error,
        Worst = error,
        Share = share,
        Screened = 2,
        Interactions = 1,
        ExactInteractions = 4,
        Blocks = 5,
        ExactBlocks = 1,
        UnmetBlocks = unmet,
    };
}
