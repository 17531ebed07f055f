using System.Text.Json;
using Prescore.Cli;

namespace Prescore.Tests.Cli;

public sealed class PerplexityTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static string TinyModel => SharedData.Golden("gguf", "tiny-llama-f32.gguf");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Embedded_model_and_text_give_table_json_and_plot()
    {
        string json = _folder.File("p.json");
        string plot = _folder.File("p.png");

        ToolRun run = ToolRun.Of(
            "perplexity", "--context", "160", "--skip", "32", "--methods", "window", "prescored:s=1000", "--json", json, "--plot", plot);

        run.ExitCode.ShouldBe(0, run.Error);
        run.Error.ShouldBe("");
        JsonElement report = JsonDocument.Parse(File.ReadAllText(json)).RootElement;
        report.EnumerateObject().Select(field => field.Name).ShouldBe(
            ["schema_version", "model", "text", "context", "skip", "tokens_scored", "seed", "threads", "activations", "methods"]);
        report.GetProperty("model").GetProperty("file").GetString().ShouldBe("SmolLM2-135M-Instruct.Q4_1.gguf");
        report.GetProperty("text").GetProperty("sha256").GetString()!.Length.ShouldBe(64);
        report.GetProperty("context").GetInt32().ShouldBe(160);
        report.GetProperty("tokens_scored").GetInt32().ShouldBe(128);
        JsonElement[] rows = [.. report.GetProperty("methods").EnumerateArray()];
        rows[0].EnumerateObject().Select(field => field.Name).ShouldBe(
            ["name", "spec", "budget", "interactions", "screened", "index_products", "nll", "perplexity", "delta_nll", "delta_nll_se",
                "kl", "top1", "attention_seconds", "seconds", "speedup", "speedup_total", "certificate"]);
        rows.Select(row => row.GetProperty("name").GetString()).ShouldBe(["exact", "window", "prescored"]);
        Number(rows[0], "budget").ShouldBe(1);
        Number(rows[0], "interactions").ShouldBe(30 * 9 * 160.0 * 161 / 2);
        Number(rows[0], "perplexity").ShouldBe(Math.Exp(Number(rows[0], "nll")), 1e-9);
        Number(rows[0], "perplexity").ShouldBeInRange(5, 100);
        // A step of w is 0.6 % of these few tokens.
        Number(rows[1], "budget").ShouldBe(0.25, 0.006);
        Number(rows[1], "delta_nll").ShouldBe(Number(rows[1], "nll") - Number(rows[0], "nll"), 1e-6);
        Number(rows[1], "kl").ShouldBeGreaterThan(0.001);
        Number(rows[1], "top1").ShouldBeInRange(0.1, 0.999);
        // s beyond the keys is exact attention.
        Number(rows[2], "budget").ShouldBe(1);
        Number(rows[2], "delta_nll").ShouldBe(0, 1e-4);
        Number(rows[2], "top1").ShouldBeGreaterThan(0.98);
        File.ReadAllBytes(plot)[1..4].ShouldBe("PNG"u8.ToArray());
        Directory.GetFiles(_folder.Path).Length.ShouldBe(2);
    }

    [Fact]
    public void Activations_of_eight_bits_are_named_and_change_little()
    {
        JsonElement Report(params string[] more)
        {
            string json = _folder.File("p.json");
            ToolRun run = ToolRun.Of(["perplexity", "--context", "96", "--skip", "32", "--methods", "exact", "--json", json, .. more]);
            run.ExitCode.ShouldBe(0, run.Error);
            return JsonDocument.Parse(File.ReadAllText(json)).RootElement;
        }

        JsonElement floats = Report(), bytes = Report("--activations", "int8");
        floats.GetProperty("activations").GetString().ShouldBe("float");
        bytes.GetProperty("activations").GetString().ShouldBe("int8");
        double change = Number(bytes.GetProperty("methods")[0], "nll") - Number(floats.GetProperty("methods")[0], "nll");
        Math.Abs(change).ShouldBeInRange(1e-6, 0.05);
        ToolRun refused = ToolRun.Of("perplexity", "--activations", "int4");
        refused.ExitCode.ShouldBe(2);
        refused.Error.ShouldContain("--activations takes float or int8, not 'int4'");
    }

    [Fact]
    public void Figures_do_not_depend_on_threads()
    {
        string text = Text(2000);
        double[] Losses(string threads)
        {
            string json = _folder.File("p.json");
            ToolRun.Of("perplexity", "--model", TinyModel, "--text", text, "--context", "96", "--methods", "window:w=8", "prescored:s=8,w=4",
                "--allow-long", "--threads", threads, "--json", json).ExitCode.ShouldBe(0);
            return [.. JsonDocument.Parse(File.ReadAllText(json)).RootElement.GetProperty("methods").EnumerateArray().Select(row => Number(row, "nll"))];
        }

        Losses("1").ShouldBe(Losses("2"));
    }

    [Fact]
    public void Windows_add_their_targets()
    {
        string json = _folder.File("p.json");

        ToolRun.Of("perplexity", "--model", TinyModel, "--text", Text(2000), "--context", "40", "--windows", "3", "--skip", "0",
            "--methods", "exact", "--json", json).ExitCode.ShouldBe(0);

        JsonDocument.Parse(File.ReadAllText(json)).RootElement.GetProperty("tokens_scored").GetInt32().ShouldBe(3 * 39);
    }

    [Fact]
    public void A_short_text_is_read_whole()
    {
        ToolRun run = ToolRun.Of("perplexity", "--model", TinyModel, "--text", Text(60), "--methods", "exact");

        run.ExitCode.ShouldBe(0, run.Error);
        run.Out.ShouldContain("tiny-llama-f32.gguf");
    }

    [Fact]
    public void Bad_settings_are_explained_before_the_work()
    {
        string text = Text(2000);
        string empty = Text(0);
        string[] tiny = ["perplexity", "--model", TinyModel, "--text", text];
        ToolRun.Of([.. tiny[..4], empty]).ShouldBeBadInput("too short", "0 tokens");
        ToolRun.Of([.. tiny, "--context", "100000"]).ShouldBeBadInput("too few for a context of 100000");
        ToolRun.Of([.. tiny, "--context", "64", "--windows", "10000"]).ShouldBeBadInput("10000 windows of 64");
        ToolRun.Of([.. tiny, "--context", "64", "--skip", "64"]).ShouldBeBadInput("--skip 64");
        ToolRun.Of([.. tiny, "--methods", "window", "--report", _folder.File("heads.png")]).ShouldBeBadInput("--report", "clustered:error=0.1");
        ToolRun.Of([.. tiny, "--context", "1"]).ShouldBeBadInput("--context");
        ToolRun.Of([.. tiny, "--rope", "spin:factor=2"]).ShouldBeBadInput("--rope");
        ToolRun.Of([.. tiny, "--methods", "prescored:scorer=levrage"]).ShouldBeBadInput("did you mean 'leverage'?");
    }

    [Fact]
    public void Certificates_of_every_window_are_shown_and_kept()
    {
        string json = _folder.File("p.json");
        string heatMap = _folder.File("heads.png");

        ToolRun run = ToolRun.Of("perplexity", "--model", TinyModel, "--text", Text(8000), "--context", "700", "--windows", "2", "--allow-long",
            "--methods", "clustered:error=0.2", "--json", json, "--report", heatMap);

        run.ExitCode.ShouldBe(0, run.Error);
        run.Out.ShouldContain("clustered: certificate, a measured estimate and not a bound: relative error by 336 exact probe queries over 24 layers × heads, target 0.2: median ");
        JsonElement[] rows = [.. JsonDocument.Parse(File.ReadAllText(json)).RootElement.GetProperty("methods").EnumerateArray()];
        rows[0].GetProperty("certificate").ValueKind.ShouldBe(JsonValueKind.Null);
        JsonElement certificate = rows[1].GetProperty("certificate");
        certificate.EnumerateObject().Select(field => field.Name).ShouldBe(
            ["target_error", "certified_heads", "probes", "median_error", "percentile95_error", "worst_error", "exact_heads", "unmet_heads", "heads"]);
        Number(certificate, "target_error").ShouldBe(0.2);
        JsonElement[] heads = [.. certificate.GetProperty("heads").EnumerateArray()];
        heads[0].EnumerateObject().Select(field => field.Name).ShouldBe(
            ["window", "state", "layer", "head", "probes", "error", "error_low", "error_high", "percentile95", "worst", "share",
                "screened", "interactions", "exact_interactions", "blocks", "exact_blocks", "unmet_blocks", "budget"]);
        heads.Select(head => (Number(head, "window"), Number(head, "layer"), Number(head, "head"))).ShouldBe(
            from window in Enumerable.Range(0, 2)
            from layer in Enumerable.Range(0, 3)
            from head in Enumerable.Range(0, 4)
            select ((double)window, (double)layer, (double)head));
        heads[0].GetProperty("state").GetString().ShouldBeOneOf("screened", "exact");
        File.ReadAllBytes(heatMap)[1..4].ShouldBe("PNG"u8.ToArray());
    }

    [Fact]
    public void A_budget_that_clustered_cannot_keep_is_refused_before_the_work()
    {
        string[] args = ["perplexity", "--model", TinyModel, "--text", Text(4000), "--context", "900", "--allow-long", "--methods"];

        ToolRun.Of([.. args, "clustered:budget=0.01"]).ShouldBeBadInput("a budget of 0.01 is below 0.", "900 tokens");
        ToolRun open = ToolRun.Of([.. args, "clustered", "--budget", "0.01"]);
        open.ExitCode.ShouldBe(0, open.Error);
        open.Out.ShouldContain("* no size of this method");
    }

    [Fact]
    public void A_context_beyond_the_trained_one_needs_scaling_or_leave()
    {
        string[] args = ["perplexity", "--context", "8200", "--methods", "exact"];

        ToolRun.Of(args).ShouldBeBadInput("8200", "8192", "--rope yarn:factor=2", "--allow-long");
        ToolRun.Of([.. args, "--rope", "yarn:factor=1.0001"]).ShouldBeBadInput("8200");
    }

    [Fact]
    public void Unknown_architectures_and_damaged_models_are_refused()
    {
        byte[] unknown = File.ReadAllBytes(TinyModel);
        int architecture = unknown.AsSpan().IndexOf("general.architecture"u8);
        "lambo"u8.CopyTo(unknown.AsSpan(architecture + unknown.AsSpan(architecture).IndexOf("llama"u8)));
        File.WriteAllBytes(_folder.File("unknown.gguf"), unknown);
        ToolRun.Of("perplexity", "--model", _folder.File("unknown.gguf"), "--text", Text(500)).ShouldBeBadInput("unknown.gguf", "lambo");
        string cut = _folder.File("cut.gguf");
        File.WriteAllBytes(cut, File.ReadAllBytes(TinyModel)[..5000]);
        ToolRun.Of("perplexity", "--model", cut, "--text", Text(500)).ShouldBeBadInput("cut.gguf");
    }

    [Fact]
    public void An_interrupted_run_shows_its_finished_rows_and_writes_no_file()
    {
        using var interrupt = new CancellationTokenSource();
        string json = _folder.File("p.json");
        var tool = new ToolRun(cancellationToken: interrupt.Token);
        // The bar names the method at work: the interrupt comes when the second one has begun.
        var error = new WatchedWriter("window", interrupt.Cancel);
        ToolContext context = tool.Context with { Error = error, ErrorIsTerminal = true };

        int code = CommandLine.Run(
            ["perplexity", "--model", TinyModel, "--text", Text(4000), "--context", "900", "--allow-long", "--methods", "window:w=300", "hyper", "--json", json],
            context);

        code.ShouldBe(130);
        tool.Out.ShouldContain("exact");
        tool.Out.ShouldNotContain("hyper");
        error.ToString().ShouldEndWith("interrupted" + Environment.NewLine);
        File.Exists(json).ShouldBeFalse();
    }

    private static double Number(JsonElement row, string field) => row.GetProperty(field).GetDouble();

    private string Text(int characters)
    {
        string path = _folder.File($"{characters}.txt");
        string book = File.ReadAllText(Path.Combine(SharedData.Repository, "texts", "war-and-peace-part.txt"));
        File.WriteAllText(path, book[..characters]);
        return path;
    }

    /// <summary>Keeps what is written and acts once a word appears.</summary>
    private sealed class WatchedWriter(string word, Action act) : StringWriter
    {
        public override void Write(string? value)
        {
            base.Write(value);
            if (value?.Contains(word, StringComparison.Ordinal) == true)
            {
                act();
            }
        }
    }
}
