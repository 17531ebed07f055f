using System.Text.Json;
using Prescore.Attention.Contracts;
using Prescore.Experiments;
using Prescore.Experiments.Layers;
using Prescore.Experiments.Reports;
using Prescore.Tests.Cli;

namespace Prescore.Tests.Experiments;

public sealed class LayerStudyTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Between_two_settings_time_and_error_are_interpolated_as_powers()
    {
        IReadOnlyList<EqualErrorRow> rows = EqualError.Of(
        [
            Point("a", 1024, seconds: 1, error: 0.4), Point("a", 1024, seconds: 4, error: 0.025),
            Point("b", 1024, seconds: 2, error: 0.01), Point("b", 1024, seconds: 1, error: 0.15),
        ]);
        // 0.1 is half way from 0.4 to 0.025.
        Row(rows, "a", 0.1).Seconds!.Value.ShouldBe(2, 1e-9);
        Row(rows, "a", 0.1).Speedup!.Value.ShouldBe(4, 1e-9);
        Row(rows, "a", 0.02).ShouldBe(new EqualErrorRow("a", 1024, 0.02, null, null, 0.025));
        // The setting that reaches it at once counts as well as any between.
        Row(rows, "b", 0.2).Seconds!.Value.ShouldBe(1);
        Row(rows, "b", 0.1).Seconds!.Value.ShouldBeInRange(1, 2);
    }

    [Fact]
    public void A_method_crosses_exact_between_the_lengths_where_its_speed_up_passes_1()
    {
        IReadOnlyList<CrossoverRow> rows = EqualError.Crossovers(
        [
            new EqualErrorRow("a", 1024, 0.1, 16, 0.5, 0), new EqualErrorRow("a", 4096, 0.1, 4, 2, 0),
            new EqualErrorRow("b", 1024, 0.1, null, null, 0.3), new EqualErrorRow("b", 4096, 0.1, 4, 2, 0),
            new EqualErrorRow("c", 1024, 0.1, 9, 0.9, 0), new EqualErrorRow("c", 4096, 0.1, 9, 0.9, 0),
        ]);
        rows.Select(row => row.N).ShouldBe([2048, 4096, null]);
        rows[1].Note.ShouldBe("where it first reaches the error");
    }

    /// <summary>Short lengths, where what does not grow hides the rest, are not in the fit.</summary>
    [Fact]
    public void Exponents_are_of_the_lengths_from_an_eighth_of_the_longest_on()
    {
        LayerStudyPoint[] points =
        [
            .. new[] { 1024, 2048, 4096, 8192, 16384 }.Select(n => Point("exact", n, n < 2048 ? 100 : Math.Pow(n / 1024.0, 1.5), error: 0)),
        ];
        SlopeRow slope = EqualError.Slopes(points, []).Single();
        (slope.Method, slope.Lengths).ShouldBe(("exact", 4));
        slope.Exponent.ShouldBe(1.5, 1e-9);
    }

    [Fact]
    public void Finished_points_are_not_measured_again()
    {
        string state = _folder.File("points.jsonl");
        LayerStudyPoint[] Run(params string[] methods)
        {
            var settings = new LayerStudySettings { Lengths = [256, 512], Methods = methods, StatePath = state };
            return [.. new LayerStudy(new GaussianLayers(0), settings, new AttentionOptions { Threads = 2 }).Run()];
        }

        LayerStudyPoint[] first = Run("window", "quoka");
        first.Select(point => point.Method).Distinct().ShouldBe(["exact", "window", "quoka"]);
        // At full budget a method is exact but for rounding, which can be none at all.
        first.ShouldAllBe(point => point.Seconds > 0 && (point.Budget < 1 ? point.RelativeError > 1e-4 : point.RelativeError < 1e-5));
        string kept = File.ReadAllText(state);
        Run("window", "quoka").ShouldBe(first);
        File.ReadAllText(state).ShouldBe(kept);
        LayerStudyPoint[] more = Run("window", "quest");
        more.Where(point => point.Method != "quest").ShouldBe(first.Where(point => point.Method != "quoka"));
        Should.Throw<BadInputException>(() => new LayerStudy(
            new GaussianLayers(0), new LayerStudySettings { Lengths = [256], StatePath = state }, new AttentionOptions { Seed = 1, Threads = 2 }));
    }

    [Fact]
    public void The_tool_writes_points_table_and_plot()
    {
        string json = _folder.File("layer.json"), plot = _folder.File("layer.png");
        ToolRun run = ToolRun.Of(
            "study", "layer", "--data", "gaussian", "--max-length", "1k", "--methods", "window", "xattention", "--without-libtorch", "--json", json, "--plot", plot);
        run.ExitCode.ShouldBe(0, run.Error);
        run.Out.ShouldContain("speed-up, n = 1,024");
        JsonElement report = JsonDocument.Parse(File.ReadAllText(json)).RootElement;
        report.EnumerateObject().Select(field => field.Name)
            .ShouldBe(["schema_version", "data", "threads", "seed", "lengths", "peer", "points", "equal_error", "crossovers", "slopes"]);
        File.ReadAllBytes(plot)[1..4].ShouldBe("PNG"u8.ToArray());
    }

    [Fact]
    public void Mistakes_are_named()
    {
        ToolRun.Of("study", "layer", "--max-length", "1x").ShouldBeBadInput("--max-length '1x' is no length");
        ToolRun.Of("study", "layer", "--data", "gaussian", "--methods", "quokka").ShouldBeBadInput("did you mean 'quoka'?");
        ToolRun.Of("study", "layer", "--data", "gaussian", "--text", "x").ExitCode.ShouldBe(2);
    }

    private static EqualErrorRow Row(IReadOnlyList<EqualErrorRow> rows, string method, double error) => rows.Single(row => row.Method == method && row.Error == error);

    private static LayerStudyPoint Point(string method, int n, double seconds, double error) => new()
    {
        Method = method,
        Spec = $"{method}:{seconds}",
        N = n,
        Seconds = seconds,
        ExactSeconds = 8,
        Budget = 0.5,
        IndexShare = 0,
        RelativeError = error,
        CacheBytes = null,
    };
}
