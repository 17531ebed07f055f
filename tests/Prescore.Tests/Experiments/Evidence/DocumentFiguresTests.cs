using Prescore.Experiments;
using Prescore.Experiments.Evidence;

namespace Prescore.Tests.Experiments.Evidence;

public sealed class DocumentFiguresTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

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
        updated.ShouldContain("| hyper | 0.250 | 44.70 | +0.8000 ± 0.0100 | 90.0 % | 1.00 s | 1.00× |\n<!-- end of report -->\nbetween\n");
        updated.ShouldContain("| `prescored:s=64` | 1.00 s, 0.10 |");
        updated.ShouldEndWith("<!-- end of report -->\nafter\n");
        DocumentFigures.Update(updated, results).ShouldBe(updated);
    }

    [Fact]
    public void A_study_without_a_result_is_named() =>
        Should.Throw<BadInputException>(() => DocumentFigures.Update("<!-- report: bench -->\n<!-- end of report -->", ResultFolder.Open(_folder.Path))).Message.ShouldContain("bench");
}
