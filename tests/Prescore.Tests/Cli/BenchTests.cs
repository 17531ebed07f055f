using System.Text.Json;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Tests.Cli;

public sealed class BenchTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Rows_slopes_and_plot_are_written()
    {
        string json = _folder.File("bench.json");
        string plot = _folder.File("bench.png");

        ToolRun run = ToolRun.Of(
            "bench", "--data", "gaussian", "--lengths", "64,128", "--methods", "window:w=16", "--json", json, "--plot", plot);

        run.ExitCode.ShouldBe(0, run.Error);
        JsonElement report = JsonDocument.Parse(File.ReadAllText(json)).RootElement;
        report.EnumerateObject().Select(field => field.Name)
            .ShouldBe(["schema_version", "threads", "peak_gflops", "data", "rows", "slopes"]);
        report.GetProperty("data").GetString().ShouldBe("gaussian");
        report.GetProperty("peak_gflops").GetDouble().ShouldBeGreaterThan(0);
        JsonElement[] rows = [.. report.GetProperty("rows").EnumerateArray()];
        rows.Length.ShouldBe(4);
        rows[0].EnumerateObject().Select(field => field.Name)
            .ShouldBe(["method", "n", "seconds", "gflops", "budget", "relative_error", "speedup", "index_share", "certificate"]);
        rows.Select(row => $"{row.GetProperty("method").GetString()} {row.GetProperty("n").GetInt32()}")
            .ShouldBe(["exact 64", "window:w=16 64", "exact 128", "window:w=16 128"]);
        rows[0].GetProperty("relative_error").GetDouble().ShouldBe(0);
        rows[0].GetProperty("speedup").GetDouble().ShouldBe(1);
        rows[3].GetProperty("relative_error").GetDouble().ShouldBeGreaterThan(0.01);
        rows[3].GetProperty("budget").GetDouble().ShouldBeLessThan(0.5);
        report.GetProperty("slopes").EnumerateObject().Select(slope => slope.Name).ShouldBe(["exact", "window:w=16"]);
        File.ReadAllBytes(plot)[1..4].ShouldBe("PNG"u8.ToArray());
        Directory.GetFiles(_folder.Path).Length.ShouldBe(2);
    }

    [Fact]
    public void Certificates_and_the_index_share_are_kept()
    {
        string json = _folder.File("bench.json");

        ToolRun run = ToolRun.Of("bench", "--data", "gaussian", "--lengths", "600", "--methods", "clustered:error=0.5", "--json", json);

        run.ExitCode.ShouldBe(0, run.Error);
        JsonElement[] rows = [.. JsonDocument.Parse(File.ReadAllText(json)).RootElement.GetProperty("rows").EnumerateArray()];
        rows[0].GetProperty("index_share").GetDouble().ShouldBe(0);
        rows[0].GetProperty("certificate").ValueKind.ShouldBe(JsonValueKind.Null);
        rows[1].GetProperty("index_share").GetDouble().ShouldBeInRange(1e-6, 1);
        rows[1].GetProperty("certificate").GetProperty("heads").GetArrayLength().ShouldBe(9);
    }

    [Fact]
    public void Decoding_is_timed_beside_memory()
    {
        string json = _folder.File("decode.json");

        ToolRun run = ToolRun.Of("bench", "--decode", "--lengths", "20,40", "--tokens", "3", "--methods", "window:w=8", "--json", json);

        run.ExitCode.ShouldBe(0, run.Error);
        run.Out.ShouldContain("tokens/s");
        JsonElement report = JsonDocument.Parse(File.ReadAllText(json)).RootElement;
        report.GetProperty("tokens").GetInt32().ShouldBe(3);
        JsonElement[] rows = [.. report.GetProperty("rows").EnumerateArray()];
        rows.Select(row => $"{row.GetProperty("method").GetString()} {row.GetProperty("n").GetInt32()}")
            .ShouldBe(["exact 20", "exact 40", "window:w=8 20", "window:w=8 40"]);
        rows[1].GetProperty("budget").GetDouble().ShouldBe(1);
        // 8 keys and 4 sinks of 41, 42 and 43.
        rows[3].GetProperty("budget").GetDouble().ShouldBe(3 * 12 / (41.0 + 42 + 43), 1e-9);
        // 30 layers of 3 key/value heads, keys and values of 64 floats, 41 of them on average.
        rows[1].GetProperty("cache_bytes").GetInt64().ShouldBe(30 * 3 * 128 * 4 * 41);
        rows.ShouldAllBe(row => row.GetProperty("share").GetDouble() > 0 && row.GetProperty("bytes_per_second").GetDouble() > 0);
    }

    [Theory]
    [InlineData("--decode", "--data", "gaussian")]
    [InlineData("--decode", "--budget", "0.5")]
    [InlineData("--decode", "--lengths", "9000")]
    [InlineData("--tokens", "4")]
    public void What_does_not_go_with_decoding_is_refused(params string[] args) =>
        ToolRun.Of(["bench", .. args]).ShouldBeBadInput(args[0] == "--tokens" ? "--decode" : args[1] == "--lengths" ? "8192" : "--decode");

    [Fact]
    public void A_budget_out_of_reach_is_marked()
    {
        // 64 keys: the smallest window with its 4 sinks computes more than a hundredth.
        ToolRun run = ToolRun.Of("bench", "--data", "gaussian", "--lengths", "64", "--methods", "window", "--budget", "0.01");

        run.ExitCode.ShouldBe(0, run.Error);
        run.Out.ShouldContain("* no size of this method comes within 0.005 of the wanted budget");
    }

    [Fact]
    public void An_interrupted_run_ends_with_130()
    {
        using var interrupt = new CancellationTokenSource();
        interrupt.Cancel();
        string json = _folder.File("bench.json");

        ToolRun run = new ToolRun(cancellationToken: interrupt.Token)
            .Run("bench", "--data", "gaussian", "--lengths", "64", "--methods", "exact", "--json", json);

        run.ExitCode.ShouldBe(130);
        run.Error.ShouldBe("interrupted" + Environment.NewLine);
        File.Exists(json).ShouldBeFalse();
    }

    [Fact]
    public void Data_of_its_own_is_not_captured() =>
        ToolRun.Of("bench", "--data", "gaussian", "--capture-with", "exact").ShouldBeBadInput("--data", "--capture-with");

    [Fact]
    public void A_budget_below_clustereds_floor_is_refused_before_the_work() =>
        ToolRun.Of("bench", "--data", "gaussian", "--lengths", "64,1k", "--methods", "clustered:budget=0.02").ShouldBeBadInput("0.02 is below");

    [Fact]
    public void A_length_beyond_the_data_is_refused()
    {
        var writer = new SafetensorsWriter();
        foreach (string name in new[] { "q", "k", "v" })
        {
            writer.Add(name, Enumerable.Range(0, 128).Select(i => i % 7 / 7f).ToArray(), 1, 32, 4);
        }
        string data = _folder.File("d.safetensors");
        writer.Save(data);

        ToolRun.Of("bench", "--data", data, "--lengths", "16,64", "--methods", "exact").ShouldBeBadInput("32 tokens", "64");
    }
}
