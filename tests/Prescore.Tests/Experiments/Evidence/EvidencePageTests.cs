using System.Xml.Linq;
using Prescore.Experiments;
using Prescore.Experiments.Evidence;
using Prescore.Experiments.Evidence.Claims;
using Prescore.Experiments.Evidence.Sections;

namespace Prescore.Tests.Experiments.Evidence;

public class EvidencePageTests
{
    private static readonly ReportStudy[] Studies =
    [
        new("perplexity-4k", "Quality", 1, new PerplexitySection(), ["perplexity"]),
        new("planted", "Planted", 1, new PlantedSection(), ["study", "planted"]),
        new("bench", "Time", 1, new BenchSection(), ["bench"]),
        new("tasks", "Tasks", 1, new TaskSection(), ["study", "tasks"]),
        new("coverage", "Coverage", 1, new CoverageSection(), ["study", "coverage"]),
        new("agreement", "Continuations", 1, new AgreementSection(), ["study", "agreement"]),
        new("layer", "One layer", 1, new LayerSection(), ["study", "layer"]),
        new("vision", "Images", 1, new VisionSection(), ["study", "vision"]),
    ];

    private static readonly StudyResult?[] Results =
        [SampleResults.Perplexity(0.8, 0.2, 0.2, 0.3), SampleResults.Planted(0.9, 1), SampleResults.Bench(1.5), SampleResults.Tasks(), SampleResults.Coverage(), SampleResults.Agreement(), SampleResults.Layer(), null];

    [Fact]
    public void The_page_is_whole_and_needs_nothing_else()
    {
        string page = Write();

        XElement html = XElement.Parse(page["<!doctype html>\n".Length..]);
        html.Descendants().Select(element => element.Name.LocalName).ShouldNotContain("script");
        html.Descendants().Attributes().Where(attribute => attribute.Name.LocalName is "src" or "onclick" or "onload").ShouldBeEmpty();
        html.Descendants().Count(element => element.Name.LocalName == "svg").ShouldBe(6);
        string[] names = [.. html.Descendants().Attributes("id").Select(attribute => attribute.Value)];
        names.ShouldBeUnique();
        html.Descendants("a").Select(link => link.Attribute("href")!.Value).Where(target => target.StartsWith('#')).ShouldAllBe(target => names.Contains(target.TrimStart('#')));
        page.ShouldContain("processor &lt;1&gt;");
        page.ShouldContain("Not run: it has no images.");
        page.ShouldContain("not testable here; stand-in: in part");
        page.ShouldContain("1 of 2");
        page.ShouldContain("fastest first: window 4.00×, clustered 2.00×; not reached by hyper.");
        page.ShouldContain("prefers-color-scheme: dark");
        // What is drawn in the plots' foreground takes the colour of the text.
        page.ShouldContain("currentColor");
        page.ShouldNotContain("#010203");
    }

    [Fact]
    public void The_same_results_give_the_same_page() => Write().ShouldBe(Write());

    [Fact]
    public void A_result_of_another_kind_is_named()
    {
        StudyResult wrong = SampleResults.Planted(1, 1) with { Study = "bench" };

        Should.Throw<BadInputException>(() => EvidencePage.Write([Studies[2]], [wrong], new Dictionary<string, string>(), [])).Message.ShouldContain("bench.json");
    }

    private static string Write() => EvidencePage.Write(
        Studies,
        Results,
        new Dictionary<string, string> { ["vision"] = "it has no images" },
        [.. PaperClaims.All.Select(claim => claim.Judge([.. Results.OfType<StudyResult>()]))]);
}
