using System.Text.Json;
using Prescore.Cli;
using Prescore.Experiments.Evidence;
using Prescore.Tests.Experiments.Evidence;

namespace Prescore.Tests.Cli;

public sealed class ReportTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Finished_studies_are_used_and_the_others_named()
    {
        Keep(SampleResults.Perplexity(0.8, 0.2, 0.2, 0.3), "perplexity-4k");

        ToolRun run = ToolRun.Of("report", "--folder", _folder.Path, "--only", "perplexity-4k");

        run.ExitCode.ShouldBe(0, run.Error);
        run.Out.ShouldContain("not testable here; stand-in: in part");
        File.ReadAllText(_folder.File("index.html")).ShouldContain("t.txt");
        JsonElement[] verdicts = [.. JsonDocument.Parse(File.ReadAllText(_folder.File("verdicts.json"))).RootElement.GetProperty("verdicts").EnumerateArray()];
        verdicts.Select(verdict => verdict.GetProperty("outcome").GetString()).ShouldBe(
            ["not testable here", "reproduced", "not run", "not run", "not run"]);
        Directory.GetFiles(_folder.Path).Length.ShouldBe(3);
    }

    [Fact]
    public void An_interrupted_run_leaves_a_page_of_what_is_finished()
    {
        Keep(SampleResults.Perplexity(0.8, 0.2, 0.2, 0.3), "perplexity-4k");

        ToolRun run = new ToolRun(cancellationToken: new CancellationToken(canceled: true)).Run("report", "--folder", _folder.Path);

        run.ExitCode.ShouldBe(130);
        run.Error.ShouldBe("interrupted\n");
        File.ReadAllText(_folder.File("index.html")).ShouldContain("Not run: the run was interrupted.");
        File.Exists(_folder.File("planted.json")).ShouldBeFalse();
    }

    [Fact]
    public void Studies_are_listed_with_their_time_before_anything_is_done()
    {
        foreach (string scale in new[] { "--quick", "--full" })
        {
            ToolRun run = ToolRun.Of("report", scale, "--list", "--folder", _folder.File("none"));

            run.ExitCode.ShouldBe(0, run.Error);
            run.Out.ShouldContain("to run: about ");
            Directory.Exists(_folder.File("none")).ShouldBeFalse();
        }
        ReportStudies.Quick.Sum(study => study.Minutes).ShouldBeLessThanOrEqualTo(10);
        foreach (IReadOnlyList<ReportStudy> studies in new[] { ReportStudies.Quick, ReportStudies.Full })
        {
            studies.Select(study => study.Name).ShouldBeUnique();
        }
    }

    /// <summary>A page without a study whose file is damaged would look as if it had never been run.</summary>
    [Theory]
    [InlineData("{broken")]
    [InlineData("{}")]
    [InlineData("")]
    public void A_damaged_result_is_named(string content)
    {
        File.WriteAllText(_folder.File("bench.json"), content);
        foreach (string what in new[] { "--page", "--list" })
        {
            ToolRun.Of("report", what, "--folder", _folder.Path).ShouldBeBadInput("bench.json", "remove it");
        }
        File.Exists(_folder.File("index.html")).ShouldBeFalse();
    }

    [Fact]
    public void Every_study_is_a_command_of_the_tool()
    {
        foreach (ReportStudy study in ReportStudies.Quick.Concat(ReportStudies.Full))
        {
            CommandLine.CreateRoot(new ToolRun().Context).Parse(study.Command).Errors.ShouldBeEmpty($"{study.Name}: {string.Join(' ', study.Command)}");
        }
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        string file = _folder.File("file");
        File.WriteAllText(file, "");
        ToolRun.Of("report", "--folder", file).ShouldBeBadInput("is a file, not a folder");
        ToolRun.Of("report", "--quick", "--full").ShouldBeBadInput("exclude each other");
        ToolRun.Of("report", "--page", "--folder", _folder.File("none")).ShouldBeBadInput("no folder", "none");
        Directory.Exists(_folder.File("none")).ShouldBeFalse();
        ToolRun.Of("report", "--page", "--folder", _folder.Path, "--document", _folder.File("none.md")).ShouldBeBadInput("no file", "none.md");
        File.Exists(_folder.File("index.html")).ShouldBeFalse();
        ToolRun.Of("report", "--only", "plantd", "--folder", _folder.File("x")).ShouldBeBadInput("plantd", "planted");
    }

    private void Keep(StudyResult result, string name) =>
        ResultFolder.Open(_folder.Path).Write(result with { Study = name, Command = ReportStudies.Quick.First(study => study.Name == name).Command });
}
