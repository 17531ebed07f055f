using Prescore.Cli;
using Prescore.Models.Images;

namespace Prescore.Tests.Cli;

public class VisionTests
{
    [Fact]
    public void Images_are_classified_embedded_and_drawn()
    {
        string model = SharedData.Golden("tiny", "vit"), cat = SharedData.Golden("dinov2", "cat-224.png"), coffee = SharedData.Golden("dinov2", "coffee-224.png");
        using var folder = new TemporaryFolder();
        ToolRun classified = ToolRun.Of("vision", "classify", cat, coffee, "--model", model, "--top", "2");
        classified.ExitCode.ShouldBe(ExitCodes.Done, classified.Error);
        classified.Out.ShouldContain("LABEL_");
        string features = Path.Combine(folder.Path, "features.safetensors"), picture = Path.Combine(folder.Path, "overlay.png");
        ToolRun embedded = ToolRun.Of("vision", "embed", cat, coffee, "--model", model, "--size", "48", "--attention", "coreset:s=16", "--out", features);
        embedded.ExitCode.ShouldBe(ExitCodes.Done, embedded.Error);
        embedded.Out.ShouldContain("145");
        File.Exists(features).ShouldBeTrue();
        ToolRun drawn = ToolRun.Of("vision", "attention", cat, "--model", model, "--scorer", "leverage", "--keys", "16", "--out", picture);
        drawn.ExitCode.ShouldBe(ExitCodes.Done, drawn.Error);
        ImageFile.Read(picture).Width.ShouldBeGreaterThan(3 * 300);
    }

    [Fact]
    public void The_tool_brings_a_model_and_images()
    {
        ToolRun run = ToolRun.Of("vision", "classify", "--top", "1");
        run.ExitCode.ShouldBe(ExitCodes.Done, run.Error);
        string[] rows = [.. run.Out.Split('\n').Where(line => line.Contains("test image", StringComparison.Ordinal))];
        rows.Length.ShouldBe(10);
        rows.Count(row => IsRight(row)).ShouldBeGreaterThanOrEqualTo(9, run.Out);

        static bool IsRight(string row)
        {
            string[] cells = row.Split(':')[1].Split("  ", StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
            return cells[1].StartsWith(cells[0] + " ", StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Vision_cases_are_verified()
    {
        ToolRun run = ToolRun.Of("verify", SharedData.Golden("tiny", "dinov2"), SharedData.Golden("tiny", "dinov2", "golden.safetensors"));
        run.ExitCode.ShouldBe(ExitCodes.Done, run.Error);
        run.Out.ShouldContain("hidden_states.2");
        ToolRun wrong = ToolRun.Of("verify", SharedData.Golden("tiny", "dinov2"), SharedData.Golden("tiny", "dinov2", "golden.safetensors"), "--attention", "coreset:s=2");
        wrong.ExitCode.ShouldBe(ExitCodes.CheckFailed);
    }

    [Fact]
    public void Bad_images_and_sizes_give_one_line()
    {
        string model = SharedData.Golden("tiny", "vit"), cat = SharedData.Golden("dinov2", "cat-224.png");
        using var folder = new TemporaryFolder();
        string cut = Path.Combine(folder.Path, "cut.png");
        File.WriteAllBytes(cut, File.ReadAllBytes(cat)[..5000]);
        foreach (string[] args in new string[][]
        {
            ["vision", "classify", cut, "--model", model],
            ["vision", "classify", Path.Combine(folder.Path, "none.png"), "--model", model],
            ["vision", "classify", Path.Combine(model, "config.json"), "--model", model],
            ["vision", "classify", cat, "--model", folder.Path],
            ["vision", "embed", cat, "--model", model, "--size", "3"],
            ["vision", "attention", cat, "--model", model, "--layer", "2", "--out", Path.Combine(folder.Path, "a.png")],
        })
        {
            ToolRun run = ToolRun.Of(args);
            run.ExitCode.ShouldBe(ExitCodes.BadInput, string.Join(' ', args));
            run.Error.TrimEnd().ShouldNotContain('\n');
        }
    }
}
