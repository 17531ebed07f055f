using System.Text.Json;

namespace Prescore.Tests.Cli;

public sealed class AdviseTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static string TinyModel => SharedData.Golden("gguf", "tiny-llama-f32.gguf");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Measures_predicts_and_names_the_command()
    {
        string json = _folder.File("advice.json");

        ToolRun run = ToolRun.Of("advise", "--model", TinyModel, "--context", "2000", "--lengths", "300,600", "--json", json);

        run.ExitCode.ShouldBe(0, run.Error);
        run.Error.ShouldBe("");
        run.Out.ShouldContain("EXTRAPOLATED from n = 300 and 600");
        run.Out.ShouldContain("Recommended at n = 2,000 and relative error 0.1: ");
        run.Out.ShouldContain($"prescore perplexity --model {TinyModel} --context 2000 --rope yarn:factor=");
        JsonElement report = JsonDocument.Parse(File.ReadAllText(json)).RootElement;
        report.EnumerateObject().Select(field => field.Name).ShouldBe(
            ["schema_version", "data", "context", "wanted_error", "threads", "measured_lengths", "extrapolated", "disturbed", "model_layers",
                "measured_layers", "methods", "recommended", "faster_from"]);
        report.GetProperty("extrapolated").GetBoolean().ShouldBeTrue();
        JsonElement[] rows = [.. report.GetProperty("methods").EnumerateArray()];
        rows.Select(row => row.GetProperty("method").GetString()).ShouldBe(
            ["exact", "clustered:error=0.1", "clustered:error=0.07", "clustered:error=0.05"]);
        rows[0].EnumerateObject().Select(field => field.Name).ShouldBe(
            ["method", "seconds", "seconds_exponent", "budget", "relative_error", "meets_error", "speedup"]);
        rows[0].GetProperty("budget").GetDouble().ShouldBe(1, 1e-9);
        rows[0].GetProperty("meets_error").GetBoolean().ShouldBeTrue();
    }

    [Fact]
    public void A_short_context_is_measured_and_not_extrapolated()
    {
        ToolRun run = ToolRun.Of("advise", "--model", TinyModel, "--context", "100", "--error", "0.2");

        run.ExitCode.ShouldBe(0, run.Error);
        run.Out.ShouldContain("measured at n = 25 and 100");
    }

    [Fact]
    public void Bad_settings_are_explained()
    {
        ToolRun.Of("advise").ShouldBeBadInput("--context");
        ToolRun.Of("advise", "--context", "100", "--error", "2").ShouldBeBadInput("--error");
        string text = _folder.File("short.txt");
        File.WriteAllText(text, "too short");
        ToolRun.Of("advise", "--model", TinyModel, "--text", text, "--context", "9000").ShouldBeBadInput("8192");
    }
}
