using System.Text.Json;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Tests.Cli;

public sealed class AttendTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Exact_has_budget_1_no_error_and_the_right_outputs()
    {
        string data = Save(queryHeads: 4, keyHeads: 2, queries: 65, keys: 65, dimension: 16);
        string output = _folder.File("out.safetensors");
        string json = _folder.File("out.json");

        ToolRun run = ToolRun.Of("attend", data, "--method", "exact", "--causal", "--out", output, "--json", json);

        run.ExitCode.ShouldBe(0, run.Error);
        JsonElement report = JsonDocument.Parse(File.ReadAllText(json)).RootElement;
        report.GetProperty("budget").GetDouble().ShouldBe(1);
        report.GetProperty("relative_error").GetDouble().ShouldBe(0);
        report.GetProperty("relative_error_by_head").GetArrayLength().ShouldBe(4);
        report.GetProperty("interactions").GetInt64().ShouldBe(4 * 65 * 66 / 2);
        using SafetensorsFile written = SafetensorsFile.Open(output);
        using SafetensorsFile given = SafetensorsFile.Open(data);
        written.GetTensor("o").Shape.ToArray().ShouldBe([4L, 65, 16]);
        written.GetTensor("lse").Shape.ToArray().ShouldBe([4L, 65]);
        // The first query of a causal attention sees its own key alone: its output is the first value.
        float[] values = given.ReadFloats("v");
        float[] outputs = written.ReadFloats("o");
        outputs[..16].ShouldBe(values[..16]);
        outputs[(3 * 65 * 16)..(3 * 65 * 16 + 16)].ShouldBe(values[(65 * 16)..(65 * 16 + 16)]);
    }

    [Fact]
    public void Products_beyond_single_precision_are_bad_input_that_names_head_and_row()
    {
        string data = _folder.File("large.safetensors");
        var writer = new SafetensorsWriter();
        writer.Add("q", new float[] { 1e20f, 0, 1e20f, 0 }, 1, 2, 2);
        writer.Add("k", new float[] { 3e20f, 0, 2e20f, 0 }, 1, 2, 2);
        writer.Add("v", new float[] { 1, 2, 3, 4 }, 1, 2, 2);
        writer.Save(data);

        ToolRun.Of("attend", data, "--method", "exact").ShouldBeBadInput("query head 0", "row 0");
    }

    [Fact]
    public void A_window_has_the_budget_that_its_size_gives_and_some_error()
    {
        string data = Save(1, 1, 512, 512, 16);
        string json = _folder.File("out.json");

        ToolRun.Of("attend", data, "--method", "window", "--causal", "--budget", "0.3", "--json", json).ExitCode.ShouldBe(0);

        JsonElement report = JsonDocument.Parse(File.ReadAllText(json)).RootElement;
        report.GetProperty("budget").GetDouble().ShouldBe(0.3, 0.005);
        report.GetProperty("relative_error").GetDouble().ShouldBeInRange(1e-3, 1);
    }

    [Fact]
    public void Sizes_beyond_the_keys_equal_exact()
    {
        string data = Save(2, 1, 63, 63, 8);
        string json = _folder.File("out.json");

        foreach (string method in new[] { "window:w=100000", "prescored:scorer=norm,s=100000" })
        {
            ToolRun.Of("attend", data, "--method", method, "--causal", "--json", json).ExitCode.ShouldBe(0);
            JsonElement report = JsonDocument.Parse(File.ReadAllText(json)).RootElement;
            report.GetProperty("relative_error").GetDouble().ShouldBeLessThan(1e-5, method);
        }
    }

    [Fact]
    public void Shapes_that_do_not_fit_are_refused()
    {
        ToolRun.Of("attend", Save(3, 2, 8, 8, 4), "--method", "exact").ShouldBeBadInput("3 query heads", "2 key/value heads");
        ToolRun.Of("attend", Save(2, 2, 9, 8, 4), "--method", "exact", "--causal").ShouldBeBadInput("9 queries", "8 keys");

        var writer = new SafetensorsWriter();
        writer.Add("q", new float[24], 1, 3, 8);
        writer.Add("k", new float[24], 1, 6, 4);
        writer.Add("v", new float[24], 1, 6, 4);
        string widths = _folder.File("widths.safetensors");
        writer.Save(widths);
        ToolRun.Of("attend", widths, "--method", "exact").ShouldBeBadInput("widths.safetensors", "8", "4");
    }

    [Fact]
    public void Many_queries_of_wide_values_are_refused_before_they_run()
    {
        const int Size = 1 << 16;
        var writer = new SafetensorsWriter();
        writer.Add("q", new float[Size], 1, Size, 1);
        writer.Add("k", new float[1], 1, 1, 1);
        writer.Add("v", new float[Size], 1, 1, Size);
        string path = _folder.File("wide.safetensors");
        writer.Save(path);

        ToolRun.Of("attend", path, "--method", "exact").ShouldBeBadInput("wide.safetensors", "4294967296 output values");
    }

    [Fact]
    public void A_missing_tensor_is_named()
    {
        var writer = new SafetensorsWriter();
        writer.Add("q", new float[8], 1, 2, 4);
        string path = _folder.File("q.safetensors");
        writer.Save(path);

        ToolRun.Of("attend", path, "--method", "exact").ShouldBeBadInput("'k'", "missing");
    }

    [Fact]
    public void A_value_that_is_not_finite_is_located()
    {
        string data = Save(1, 1, 8, 8, 4, spoil: values => values[5 * 4] = float.NaN);

        ToolRun.Of("attend", data, "--method", "exact").ShouldBeBadInput("keys", "not finite", "row 5");
    }

    [Fact]
    public void A_failed_run_leaves_no_file()
    {
        string data = Save(1, 1, 8, 8, 4, spoil: values => values[0] = float.PositiveInfinity);
        string[] before = Directory.GetFiles(_folder.Path);

        ToolRun.Of("attend", data, "--method", "exact", "--out", _folder.File("o.safetensors"), "--json", _folder.File("o.json"))
            .ExitCode.ShouldBe(2);

        Directory.GetFiles(_folder.Path).ShouldBe(before, ignoreOrder: true);
    }

    private string Save(int queryHeads, int keyHeads, int queries, int keys, int dimension, Action<float[]>? spoil = null)
    {
        var random = new Random(queryHeads * 1000 + keys);
        float[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => random.NextSingle() * 4 - 2)];
        float[] k = Draw(keyHeads * keys * dimension);
        spoil?.Invoke(k);
        var writer = new SafetensorsWriter();
        writer.Add("q", Draw(queryHeads * queries * dimension), queryHeads, queries, dimension);
        writer.Add("k", k, keyHeads, keys, dimension);
        writer.Add("v", Draw(keyHeads * keys * dimension), keyHeads, keys, dimension);
        string path = _folder.File($"data-{queryHeads}-{keyHeads}-{queries}-{keys}.safetensors");
        writer.Save(path);
        return path;
    }
}
