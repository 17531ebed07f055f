using Prescore.Experiments;
using Prescore.Experiments.Plots;
using Prescore.Experiments.Reports;

namespace Prescore.Tests.Experiments;

public class PlotTests
{
    private static readonly byte[] PngSignature = [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    [Fact]
    public void Quality_plot_is_a_png_also_for_exact_alone()
    {
        ShouldBePng(QualityPlot.Render(Report(0, 0.02, 1.5, -0.001)));
        ShouldBePng(QualityPlot.Render(Report(0)));
    }

    [Fact]
    public void Time_plot_is_a_png_also_for_one_length()
    {
        BenchRow[] rows = [Row(1024, 0.01), Row(2048, 0.03)];
        ShouldBePng(TimePlot.Render(Bench(rows)));
        ShouldBePng(TimePlot.Render(Bench(rows[..1])));
    }

    [Fact]
    public void Certificate_plot_is_a_png_with_every_state_without_probes_and_for_two_methods()
    {
        CertificateReport certificate = CertificateReportTests.EveryState;
        PerplexityReport report = Report(0, 0.02, 0.03);
        PerplexityRow[] rows = [report.Methods[0], .. report.Methods.Skip(1).Select(row => row with { Certificate = certificate })];

        ShouldBePng(CertificatePlot.Render(report with { Methods = rows }));
        ShouldBePng(CertificatePlot.Render(report with { Methods = [rows[1] with { Certificate = CertificateReportTests.WithoutProbes }] }));
        Should.Throw<ArgumentException>(() => CertificatePlot.Render(report));
    }

    [Fact]
    public void Windows_share_a_cell_of_the_certificate_grid()
    {
        var grid = new CertificateGrid(CertificateReportTests.TwoWindows);

        grid.Layers.ShouldBe([0, 4]);
        grid.Heads.ShouldBe(2);
        grid.Error(0, 1).ShouldBe(Math.Sqrt((8 * 0.09 + 24 * 0.01) / 32), 1e-12);
        grid.Error(1, 0).ShouldBe(0.1);
        grid.Is(HeadState.Exact, 0, 1).ShouldBeFalse();
    }

    [Fact]
    public void Labels_of_points_at_one_budget_do_not_overlap()
    {
        (double, double)[] points = [(0.25, 1), (0.25, 1.01), (0.25, 0.99), (0.9, 1)];

        double[] heights = LabelLayout.Heights(points, width: 0.3, height: 0.1);

        heights[3].ShouldBe(1);
        double[] sorted = [.. heights.Take(3).Order()];
        (sorted[1] - sorted[0]).ShouldBeGreaterThanOrEqualTo(0.1 - 1e-12);
        (sorted[2] - sorted[1]).ShouldBeGreaterThanOrEqualTo(0.1 - 1e-12);
    }

    private static void ShouldBePng(byte[] file) => file.AsSpan(0, 8).SequenceEqual(PngSignature).ShouldBeTrue();

    private static PerplexityReport Report(params double[] losses) => new()
    {
        Model = new FileIdentity("m.gguf", "00"),
        Text = new FileIdentity("t.txt", "00"),
        Context = 4096,
        Skip = 1024,
        TokensScored = 3071,
        Seed = 0,
        Threads = 2,
        Methods =
        [
            .. losses.Select((loss, i) => new PerplexityRow
            {
                Name = $"method {i}",
                Spec = $"method:{i}",
                Budget = i == 0 ? 1 : 0.25,
                Interactions = 1,
                IndexProducts = 0,
                Nll = 3 + loss,
                Perplexity = Math.Exp(3 + loss),
                DeltaNll = loss,
                DeltaNllSe = i == 1 ? null : 0.01,
                Kl = loss,
                Top1 = 0.9,
                AttentionSeconds = 1,
                Seconds = 2,
                Speedup = 1,
                SpeedupTotal = 1,
                Certificate = null,
            }),
        ],
    };

    private static BenchReport Bench(BenchRow[] rows) => new()
    {
        Threads = 2,
        PeakGflops = 100,
        Data = "gaussian",
        Rows = rows,
        Slopes = new Dictionary<string, double> { ["exact"] = 2 },
    };

    private static BenchRow Row(int n, double seconds) =>
        new() { Method = "exact", N = n, Seconds = seconds, Gflops = 1, Budget = 1, RelativeError = 0, Speedup = 1, IndexShare = 0, Certificate = null };
}
