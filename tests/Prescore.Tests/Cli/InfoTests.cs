using Prescore.Models.Formats.Safetensors;
using Prescore.Tests.Formats.Gguf;

namespace Prescore.Tests.Cli;

public sealed class InfoTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public static TheoryData<string> MalformedFiles
    {
        get
        {
            var files = new TheoryData<string>();
            for (int i = 1; i <= 30; i++)
            {
                files.Add($"g{i:00}");
                if (i != 22)
                {
                    // s22, a space before the header, may be accepted.
                    files.Add($"s{i:00}");
                }
            }
            return files;
        }
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Shows_architecture_and_tensors()
    {
        string path = _folder.File("tiny.gguf");
        File.WriteAllBytes(path, TinyGguf.Build());

        ToolRun run = ToolRun.Of("info", path);

        run.ExitCode.ShouldBe(0, run.Error);
        run.Out.ShouldContain("tiny.gguf");
        run.Out.ShouldContain("llama");
        run.Out.ShouldContain("a.weight");
        run.Out.ShouldContain("[2, 4]");
        run.Out.ShouldContain("Q8_0");
    }

    [Fact]
    public void Alike_tensors_of_the_layers_stand_in_one_line()
    {
        var writer = new SafetensorsWriter();
        writer.Add("layer.0.k", new float[4], 2, 2);
        writer.Add("layer.1.k", new float[4], 2, 2);
        writer.Add("layer.2.k", new float[4], 4);
        writer.Add("layer.4.k", new float[4], 4);
        writer.AddMetadata("note", "two\nlines");
        string path = _folder.File("t.safetensors");
        writer.Save(path);

        ToolRun run = ToolRun.Of("info", path);

        run.Out.ShouldContain("layer.0-1.k");
        run.Out.ShouldContain("layer.2,4.k");
        run.Out.ShouldContain("two lines");
        run.Out.ShouldContain("16 in 4 tensors");
    }

    [Theory]
    [MemberData(nameof(MalformedFiles))]
    public void Malformed_files_are_refused_in_one_line(string prefix)
    {
        string path = Directory.GetFiles(SharedData.Golden("gguf", "malformed"), prefix + "-*").ShouldHaveSingleItem();
        if (prefix == "g30")
        {
            ToolRun.Of("info", path).ShouldBeBadInput("llama.block_count");
            return;
        }
        ToolRun.Of("info", path).ShouldBeBadInput(Path.GetFileName(path));
    }

    [Fact]
    public void Unusual_but_valid_files_are_accepted()
    {
        string[] files = Directory.GetFiles(SharedData.Golden("gguf", "edge-valid"), "v*");
        files.Length.ShouldBe(14);
        foreach (string path in files)
        {
            ToolRun run = ToolRun.Of("info", path);
            run.ExitCode.ShouldBe(0, $"{path}: {run.Error}");
        }
    }
}
