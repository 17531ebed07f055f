using Prescore.Cli;
using Prescore.Experiments.Reports;

namespace Prescore.Tests.Cli;

public class StudyVisionTests
{
    [Fact]
    public void A_study_is_written_drawn_and_resumed()
    {
        using var folder = new TemporaryFolder();
        string json = folder.File("study.json"), plot = folder.File("study.png");
        string[] args = ["study", "vision", "--model", SharedData.Golden("tiny", "vit"), "--images", "6", "--scorers", "random", "norm", "--json", json, "--plot", plot];
        ToolRun run = ToolRun.Of([.. args, "--keys", "8"]);
        run.ExitCode.ShouldBe(ExitCodes.Done, run.Error);
        ReportJson.TryDeserialize(File.ReadAllText(json), out VisionReport? first).ShouldBeTrue();
        first!.Rows.Count.ShouldBe(9);
        first.Rows.ShouldAllBe(row => row.Keys == 8 && row.Budget > 0 && row.Budget <= 1 && row.FeatureError > 0);
        first.Diagnosis.Count.ShouldBe(2);
        File.Exists(plot).ShouldBeTrue();
        ToolRun more = ToolRun.Of([.. args, "--keys", "8", "65"]);
        more.ExitCode.ShouldBe(ExitCodes.Done, more.Error);
        ReportJson.TryDeserialize(File.ReadAllText(json), out VisionReport? second).ShouldBeTrue();
        second!.Rows.Take(9).ShouldBe(first.Rows);
        second.Rows.Count.ShouldBe(18);
        // With room for all keys it is exact.
        second.Rows.Single(row => row.Keys == 65 && row.Form == "coreset").FeatureError.ShouldBeLessThan(1e-5);
        ToolRun.Of(["study", "vision", "--model", SharedData.Golden("tiny", "vit"), "--images", "5", "--json", json, "--keys", "8"]).ExitCode.ShouldBe(ExitCodes.BadInput);
    }

    [Fact]
    public void Mistakes_are_named()
    {
        string model = SharedData.Golden("tiny", "vit");
        ToolRun.Of("study", "vision", "--model", model, "--images", "2", "--keys", "66").Error.ShouldContain("--keys 66");
        ToolRun.Of("study", "vision", "--model", model, "--images", "2", "--forms", "corset").Error.ShouldContain("did you mean 'coreset'");
        ToolRun.Of("study", "vision", "--model", SharedData.File("models", "dinov2-small"), "--images", "2").Error.ShouldContain("--probe");
    }
}
