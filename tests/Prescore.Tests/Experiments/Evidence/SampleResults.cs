using System.Text.Json;
using Prescore.Experiments;
using Prescore.Experiments.Evidence;
using Prescore.Experiments.Layers;
using Prescore.Experiments.Reports;
using Prescore.Experiments.Tasks;

namespace Prescore.Tests.Experiments.Evidence;

/// <summary>Results of studies with figures that a test chooses.</summary>
internal static class SampleResults
{
    public static StudyResult Of<T>(string study, IReadOnlyList<string> command, T report) => new()
    {
        Study = study,
        Command = command,
        Version = "1",
        Started = new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero),
        Seconds = 1.5,
        Seed = 0,
        Machine = new Machine("processor <1>", 2, 1 << 30, "Vector512", "system", "runtime"),
        Result = JsonDocument.Parse(ReportJson.Serialize(report)).RootElement,
    };

    /// <summary>Losses of the methods of claims 1 and 2 at one budget.</summary>
    public static StudyResult Perplexity(double hyper, double kmeansHyper, double randomHyper, double leverageHyper, double error = 0.01) => Of(
        "perplexity-4k",
        ["perplexity"],
        new PerplexityReport
        {
            Model = new FileIdentity("m.gguf", "00"),
            Text = new FileIdentity("t.txt", "11"),
            Context = 4096,
            Skip = 1024,
            TokensScored = 3072,
            Seed = 0,
            Threads = 2,
            Methods =
            [
                Row("exact", "exact", 0, 1, null),
                Row("hyper", "hyper:block=128,sample=128,min=512", hyper, 0.25, error),
                Row("kmeans hyper", "prescored:scorer=kmeans,s=256,inner=hyper", kmeansHyper, 0.25, error),
                Row("random hyper", "prescored:scorer=random,s=256,inner=hyper", randomHyper, 0.25, error),
                Row("leverage hyper", "prescored:scorer=leverage,s=256,inner=hyper", leverageHyper, 0.25, error),
            ],
        });

    public static StudyResult Planted(double kmeansAtLeverages, double kmeansInside) => Of(
        "planted",
        ["study", "planted"],
        new PlantedReport
        {
            Keys = 10_000,
            Seeds = 200,
            Threads = 2,
            Scorers = ["kmeans", "leverage"],
            Points = [Point("signal 1", kmeansAtLeverages), Point("signal 1.2", kmeansAtLeverages), Point("inside both", kmeansInside)],
        });

    public static StudyResult Bench(double prescoredSlope) => Of(
        "bench",
        ["bench"],
        new BenchReport
        {
            Threads = 2,
            PeakGflops = 100,
            Data = "layers",
            Rows = [.. new[] { 1024, 2048, 4096 }.SelectMany(n => new[] { BenchPoint("exact", n, 2), BenchPoint("prescored:s=64", n, prescoredSlope) })],
            Slopes = new Dictionary<string, double> { ["exact"] = 2, ["prescored:s=64"] = prescoredSlope },
        });

    public static StudyResult Vision(double kmeans, double kmeansWithCls) => Of(
        "vision",
        ["study", "vision"],
        new VisionReport
        {
            Model = new FileIdentity("model.safetensors", "22"),
            Probe = null,
            Images = 50,
            Tokens = 100,
            ExactAccuracy = 0.8,
            Rows = [VisionPoint("kmeans", kmeans), VisionPoint("kmeans, CLS kept", kmeansWithCls), VisionPoint("random", 0.79), VisionPoint("coreset", 0.8)],
        });

    /// <summary>Three continuations: the same, parted at a close choice, and at a clear one.</summary>
    public static StudyResult Agreement() => Of(
        "agreement",
        ["study", "agreement"],
        new AgreementReport
        {
            Model = new FileIdentity("m.gguf", "00"),
            Text = new FileIdentity("t.txt", "11"),
            Context = 8000,
            Tokens = 64,
            Seed = 0,
            Threads = 2,
            Rows = [Continuation(64, null), Continuation(20, 0.05), Continuation(3, 0.5)],
        });

    public static StudyResult Tasks() => Of(
        "tasks",
        ["study", "tasks"],
        new TaskReport
        {
            Model = new FileIdentity("m.gguf", "00"),
            Text = new FileIdentity("t.txt", "11"),
            Lengths = [1024, 2048],
            Depths = 1,
            Passages = 1,
            Seed = 0,
            Threads = 2,
            Tasks =
            [
                new TaskRow("needle", [.. new[] { "exact", "window" }.Select(name => TaskMethodRow.Of(name, name, "exact",
                    [.. from spec in new[] { "exact", "window" } from length in new[] { 1024, 2048 } select new TaskTrial("needle", spec, length, 0, 0, spec == "exact", true, -1, 1)]))]),
            ],
        });

    public static StudyResult Coverage() => Of(
        "coverage",
        ["study", "coverage"],
        new CoverageReport
        {
            Model = new FileIdentity("m.gguf", "00"),
            Text = new FileIdentity("t.txt", "11"),
            Context = 2048,
            Keys = 256,
            Sinks = 4,
            Window = 64,
            Block = 128,
            Seed = 0,
            Threads = 2,
            FarMass = [[0.3, 0.4]],
            Thresholds = [0.01],
            HeavyKeys = [2],
            Choices = [new CoverageRow { Name = "kmeans", Mass = 0.9, FarMass = 0.5, HeavyRecall = [double.NaN], FarMassByHead = [[0.5, double.NaN]] }],
        });

    /// <summary>Three methods at one setting each, of which one is not within 0.1.</summary>
    public static StudyResult Layer()
    {
        LayerStudyPoint[] points = [LayerPoint("exact", 4, 0), LayerPoint("clustered", 2, 0.1), LayerPoint("window", 1, 0.08), LayerPoint("hyper", 1, 0.5)];
        IReadOnlyList<EqualErrorRow> equal = EqualError.Of(points);
        return Of("layer", ["study", "layer"], new LayerStudyReport
        {
            Data = "layer",
            Threads = 2,
            Seed = 0,
            Lengths = [1024],
            Peer = null,
            Points = points,
            EqualError = equal,
            Crossovers = EqualError.Crossovers(equal),
            Slopes = EqualError.Slopes(points, equal),
        });
    }

    private static LayerStudyPoint LayerPoint(string method, double seconds, double error) => new()
    {
        Method = method,
        Spec = method,
        N = 1024,
        Seconds = seconds,
        ExactSeconds = 4,
        Budget = 0.5,
        IndexShare = 0,
        RelativeError = error,
        CacheBytes = null,
    };

    private static AgreementRow Continuation(int same, double? gap) => new()
    {
        Name = "clustered",
        Spec = "clustered:error=0.05",
        Start = 0,
        Same = same,
        Gap = gap,
        Lead = gap,
        Cost = gap,
        SmallestGap = 0.05,
        GapChange = 0.1,
        ExactToken = gap is null ? null : "\n",
        MethodToken = gap is null ? null : ".",
        SameTop = 0.9,
        Budget = 0.2,
    };

    private static PerplexityRow Row(string name, string spec, double loss, double budget, double? error) => new()
    {
        Name = name,
        Spec = spec,
        Budget = budget,
        Interactions = 1,
        IndexProducts = 0,
        Nll = 3 + loss,
        Perplexity = Math.Exp(3 + loss),
        DeltaNll = loss,
        DeltaNllSe = error,
        Kl = 0.1,
        Top1 = 0.9,
        AttentionSeconds = 1,
        Seconds = 2,
        Speedup = 1,
        SpeedupTotal = 1,
        Certificate = null,
    };

    private static PlantedRow Point(string name, double kmeans) => new()
    {
        Name = name,
        Dimension = 16,
        Signal = 10,
        Boundary = 8,
        ClusteringBoundary = 20,
        SignalKeys = 128,
        Scorers =
        [
            new RecoveryRow { Scorer = "kmeans", Exact = kmeans, Recall = kmeans, AgreementWithLeverage = kmeans },
            new RecoveryRow { Scorer = "leverage", Exact = 1, Recall = 1, AgreementWithLeverage = 1 },
        ],
    };

    private static BenchRow BenchPoint(string method, int n, double slope) => new()
    {
        Method = method,
        N = n,
        Seconds = Math.Pow(n / 1024.0, slope),
        Gflops = 1,
        Budget = Math.Pow(n / 1024.0, slope - 2),
        RelativeError = 0.1,
        Speedup = 1,
        IndexShare = 0,
        Certificate = null,
    };

    private static VisionRow VisionPoint(string form, double accuracy) => new()
    {
        Form = form,
        Keys = 50,
        Seed = 0,
        Method = form,
        Accuracy = accuracy,
        Difference = accuracy - 0.8,
        DifferenceError = 0.01,
        Agreement = 0.9,
        FeatureError = 0.1,
        Budget = 0.5,
    };
}
