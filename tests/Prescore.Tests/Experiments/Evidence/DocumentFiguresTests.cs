using Prescore.Experiments;
using Prescore.Experiments.Evidence;
using Prescore.Experiments.Evidence.Claims;

namespace Prescore.Tests.Experiments.Evidence;

public sealed class DocumentFiguresTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private static string Report => Path.Combine(SharedData.Repository, "docs", "report");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Tables_follow_from_results_and_the_rest_stays()
    {
        ResultFolder results = ResultFolder.Open(_folder.Path);
        results.Write(SampleResults.Perplexity(0.8, 0.2, 0.2, 0.3));
        results.Write(SampleResults.Bench(1.5));
        const string Document = "before\n<!-- report: perplexity-4k -->\nold\n<!-- end of report -->\nbetween\n<!-- report: bench -->\n<!-- end of report -->\nafter\n";

        string updated = DocumentFigures.Update(Document, results);

        updated.ShouldStartWith("before\n<!-- report: perplexity-4k -->\n| method | budget |");
        updated.ShouldContain("| hyper | 0.250 | 44.70 | +0.8000 ± 0.0100 | 90.0 % | 1.00 s | 1.00× |\n");
        updated.ShouldContain(" |\n<!-- end of report -->\nbetween\n<!-- report: bench -->\n| method |");
        updated.ShouldContain("| `prescored:s=64` | 1.00 s, 0.10 |");
        updated.ShouldEndWith("<!-- end of report -->\nafter\n");
        DocumentFigures.Update(updated, results).ShouldBe(updated);
    }

    [Fact]
    public void A_study_without_a_result_is_named() =>
        Should.Throw<BadInputException>(() => DocumentFigures.Update("<!-- report: bench -->\n<!-- end of report -->", ResultFolder.Open(_folder.Path))).Message.ShouldContain("bench");

    /// <summary>After a change of the results: <c>prescore report --full --page --folder docs/report --document README.md</c>.</summary>
    [Fact]
    public void The_readme_shows_the_figures_of_the_committed_report()
    {
        string readme = File.ReadAllText(Path.Combine(SharedData.Repository, "README.md"));

        readme.ShouldContain("<!-- report: ");
        DocumentFigures.Update(readme, ResultFolder.OpenExisting(Report)).ShouldBe(readme);
    }

    [Fact]
    public void The_committed_verdicts_follow_from_the_committed_results()
    {
        StudyResult[] results = [.. Prescore.Cli.ReportStudies.Full.Select(study => ResultFolder.OpenExisting(Report).Find(study.Name, study.Command)).OfType<StudyResult>()];
        Verdict[] verdicts = [.. PaperClaims.All.Select(claim => claim.Judge(results))];

        ResultFolder again = ResultFolder.Open(_folder.Path);
        again.Write(verdicts);
        File.ReadAllText(_folder.File(ResultFolder.VerdictsName)).ShouldBe(File.ReadAllText(Path.Combine(Report, ResultFolder.VerdictsName)));
    }
}
