using System.Text.Json;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Tests.Cli;

public sealed class VerifyTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static string Model => SharedData.Golden("gguf", "tiny-llama-f32.gguf");

    private static string Cases => SharedData.Golden("tiny", "llama", "golden.safetensors");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_right_model_passes()
    {
        string json = _folder.File("v.json");

        ToolRun run = ToolRun.Of("verify", Model, Cases, "--json", json);

        run.ExitCode.ShouldBe(0, run.Out + run.Error);
        JsonElement report = JsonDocument.Parse(File.ReadAllText(json)).RootElement;
        report.EnumerateObject().Select(field => field.Name)
            .ShouldBe(["schema_version", "model", "cases", "attention", "passed", "arrays"]);
        report.GetProperty("passed").GetBoolean().ShouldBeTrue();
        JsonElement logits = report.GetProperty("arrays").EnumerateArray().Single(array => array.GetProperty("name").GetString() == "logits");
        logits.GetProperty("max_difference").GetDouble().ShouldBeInRange(1e-9, 1e-4);
        logits.GetProperty("bound").GetDouble().ShouldBe(1e-4);
    }

    [Fact]
    public void A_difference_beyond_its_bound_is_exit_code_1_and_a_place()
    {
        float[] logits;
        int[] ids;
        using (SafetensorsFile golden = SafetensorsFile.Open(Cases))
        {
            logits = golden.ReadFloats("logits");
            ids = golden.ReadInt32s("input_ids");
        }
        logits[3 * 320 + 7] += 0.01f;
        var writer = new SafetensorsWriter();
        writer.Add("input_ids", ids, ids.Length);
        writer.Add("logits", logits, ids.Length, 320);
        string cases = _folder.File("wrong.safetensors");
        writer.Save(cases);

        ToolRun run = ToolRun.Of("verify", Model, cases);

        run.ExitCode.ShouldBe(1);
        run.Out.ShouldContain("FAILED");
        run.Out.ShouldContain("[3, 7]");
        ToolRun.Of("verify", Model, cases, "--tolerance", "200").ExitCode.ShouldBe(0);
    }

    [Fact]
    public void Another_attention_can_be_checked()
    {
        ToolRun.Of("verify", Model, Cases, "--attention", "window:w=40").ExitCode.ShouldBe(0);
        ToolRun.Of("verify", Model, Cases, "--attention", "window:w=4").ExitCode.ShouldBe(1);
    }

    [Fact]
    public void A_tokenizer_is_compared_line_by_line()
    {
        string right = _folder.File("right.jsonl");
        File.WriteAllText(right, """{"text": "Hello world", "ids": [19556, 905]}""" + "\n");
        string wrong = _folder.File("wrong.jsonl");
        File.WriteAllText(wrong, """{"text": "Hello", "ids": [19556]}""" + "\n" + """{"text": "Hello", "ids": [1]}""" + "\n");
        string model = Path.Combine(SharedData.Repository, "models", "SmolLM2-135M-Instruct.Q4_1.gguf");

        ToolRun.Of("verify", model, right).ExitCode.ShouldBe(0);
        ToolRun run = ToolRun.Of("verify", model, wrong);
        run.ExitCode.ShouldBe(1);
        run.Out.ShouldContain("line 2");
    }

    [Fact]
    public void Cases_that_do_not_fit_are_refused()
    {
        var writer = new SafetensorsWriter();
        writer.Add("input_ids", new[] { 1, 2, 9999 }, 3);
        writer.Add("nll", new float[2], 2);
        string cases = _folder.File("ids.safetensors");
        writer.Save(cases);
        ToolRun.Of("verify", Model, cases).ShouldBeBadInput("input_ids[2]", "9999");

        string lines = _folder.File("lines.jsonl");
        File.WriteAllText(lines, "{\"text\": 1}\n");
        ToolRun.Of("verify", Model, lines).ShouldBeBadInput("line 1");
        ToolRun.Of("verify", Model, Cases, "--tolerance", "0").ShouldBeBadInput("--tolerance");
    }
}
