using System.Text;
using System.Xml;
using System.Xml.Linq;

namespace Prescore.Experiments.Evidence;

/// <summary>
/// The report as one page of HTML that needs nothing else: no scripts, no files, no network. It follows the reader's choice
/// of light or dark; what is wider than the window scrolls by itself.
/// </summary>
public static class EvidencePage
{
    private const string Style = """
        :root { color-scheme: light dark; --text: #1b1f24; --dim: #57606a; --back: #fff; --line: #d0d7de; --card: #f6f8fa; --link: #0550ae }
        @media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --dim: #9da7b3; --back: #0d1117; --line: #30363d; --card: #161b22; --link: #79b8ff } }
        * { box-sizing: border-box }
        body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 68rem; font: 16px/1.55 system-ui, "DejaVu Sans", sans-serif; color: var(--text); background: var(--back); overflow-wrap: break-word }
        h1 { font-size: 1.7rem; line-height: 1.2; margin: .2em 0 }
        h2 { font-size: 1.3rem; margin: 2.2em 0 .4em; padding-top: .6em; border-top: 1px solid var(--line) }
        h3 { font-size: 1.02rem; margin: 0 0 .3em }
        a { color: var(--link) }
        p { margin: .5em 0; max-width: 50rem }
        code { font: .86em ui-monospace, "DejaVu Sans Mono", monospace; background: var(--card); padding: .1em .3em; border-radius: 4px; overflow-wrap: anywhere }
        .dim, figcaption, caption { color: var(--dim); font-size: .9rem }
        .wide { overflow-x: auto; max-width: 100% }
        table { border-collapse: collapse; font-size: .84rem; margin: 1em 0 }
        caption { text-align: left; padding-bottom: .3em }
        th, td { padding: .25em .7em; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
        th { font-weight: 600 } th:first-child { text-align: left } tbody th { font-weight: 400 }
        figure { margin: 1.2em 0; max-width: 44rem } figcaption { margin-top: .3em }
        svg { display: block; width: 100%; min-width: 20rem; height: auto }
        .legend { list-style: none; display: flex; flex-wrap: wrap; gap: .2em 1em; margin: 0 0 .4em; padding: 0; font-size: .84rem }
        .swatch { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .4em }
        .verdict { border: 1px solid var(--line); border-left-width: 6px; border-radius: 6px; background: var(--card); padding: .8em 1em; margin: 1em 0 }
        .verdict p { font-size: .92rem } .tag { font-weight: 700 }
        .reproduced { border-left-color: #2da44e } .part { border-left-color: #d29922 } .not { border-left-color: #cf222e } .untested { border-left-color: #8a8a8a }
        details { margin: .5em 0; font-size: .92rem } summary { cursor: pointer; color: var(--dim) }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: .1em 1em; font-size: .9rem; margin: .8em 0 } dt { color: var(--dim) } dd { margin: 0; min-width: 0 }
        """;

    /// <summary>Writes the page.</summary>
    /// <param name="studies">The studies of the report, in its order.</param>
    /// <param name="results">Their results, one a study; null where it was not run.</param>
    /// <param name="whyMissing">Why a study has no result, by name.</param>
    /// <param name="verdicts">Verdicts on the claims.</param>
    /// <returns>HTML.</returns>
    /// <exception cref="BadInputException">A result is not what its study writes.</exception>
    public static string Write(
        IReadOnlyList<ReportStudy> studies,
        IReadOnlyList<StudyResult?> results,
        IReadOnlyDictionary<string, string> whyMissing,
        IReadOnlyList<Verdict> verdicts)
    {
        XElement body = Html.Element(
            "body",
            null,
            Html.Element("h1", null, "Pre-scored attention: the evidence"),
            Html.Paragraph("What holds of the claims of ", Link("https://arxiv.org/abs/2505.11040", "arXiv 2505.11040"),
                ", measured with Prescore on an ordinary CPU, and what the alternatives do. Every figure comes from a JSON file beside this page, which one command makes again; the verdicts are computed from those files by the rules that stand below them."),
            Contents(studies, results),
            Html.Element("h2", null, new XAttribute("id", "verdicts"), "The paper's claims"),
            verdicts.Select(Card),
            studies.Select((study, i) => Section(study, results[i], whyMissing)),
            Html.Element("h2", null, new XAttribute("id", "machine"), "How it was made"),
            Made(results));
        XElement page = new(
            "html",
            new XAttribute("lang", "en"),
            Html.Element(
                "head",
                null,
                new XElement("meta", new XAttribute("charset", "utf-8")),
                new XElement("meta", new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width, initial-scale=1")),
                Html.Element("title", null, "Pre-scored attention: the evidence"),
                Html.Element("style", null, Style)),
            body);
        return "<!doctype html>\n" + Text(page) + "\n";
    }

    private static XElement Contents(IReadOnlyList<ReportStudy> studies, IReadOnlyList<StudyResult?> results) => Html.Element(
        "ul",
        null,
        Html.Element("li", null, Link("#verdicts", "The paper's claims")),
        studies.Where((_, i) => results[i] is not null).Select(study => Html.Element("li", null, Link("#" + study.Name, study.Title))),
        Html.Element("li", null, Link("#machine", "How it was made")));

    private static XElement Card(Verdict verdict) => Html.Element(
        "div",
        "verdict " + Class(verdict.OfStandIn ?? verdict.Outcome),
        Html.Element("h3", null, $"{verdict.Number}. {verdict.Claim}"),
        Html.Paragraph(Html.Element("span", "tag", verdict.InWords()), verdict.TestedOn.Length == 0 ? "" : $" – tested on {verdict.TestedOn}."),
        Html.Paragraph(verdict.Reason),
        Html.Element("details", null, Html.Element("summary", null, "Rule, files and commands"),
            Html.Paragraph(verdict.Rule),
            verdict.Results.Zip(verdict.Commands, (result, command) => Html.Paragraph(Link(result + ".json", result + ".json"), ": ", Html.Element("code", null, command)))));

    private static string Class(Outcome outcome) => outcome switch
    {
        Outcome.Reproduced => "reproduced",
        Outcome.InPart => "part",
        Outcome.NotReproduced => "not",
        _ => "untested",
    };

    private static IEnumerable<XElement> Section(ReportStudy study, StudyResult? result, IReadOnlyDictionary<string, string> whyMissing)
    {
        yield return Html.Element("h2", null, new XAttribute("id", study.Name), study.Title);
        yield return Html.Paragraph(study.Section.Introduction);
        if (result is null)
        {
            yield return Html.Element("p", "dim", $"Not run: {whyMissing.GetValueOrDefault(study.Name, $"nobody asked for it yet; it takes about {Html.Count((int)Math.Ceiling(study.Minutes))} minutes")}.");
            yield break;
        }
        foreach (XElement part in study.Section.Show(result))
        {
            yield return part;
        }
        yield return Html.Element("p", "dim", Link(result.Study + ".json", result.Study + ".json"), ", made by ", Html.Element("code", null, result.CommandLine()), result.Resumed ? " in several runs." : $" in {Html.Seconds(result.Seconds)}.");
    }

    private static XElement Made(IReadOnlyList<StudyResult?> results) => Html.Element("dl", null, results.OfType<StudyResult>()
        .GroupBy(result => (result.Machine, result.Version))
        .SelectMany(group => new (string Term, string Text)[]
        {
            ("studies", string.Join(", ", group.Select(result => result.Study))),
            ("made", $"{group.Min(result => result.Started):yyyy-MM-dd} to {group.Max(result => result.Started):yyyy-MM-dd}, {Times(group)}"),
            ("version", group.Key.Version),
            ("processor", $"{group.Key.Machine.Processor}, {group.Key.Machine.Processors} logical processors, {group.Key.Machine.Simd}"),
            ("memory", $"{Html.Fixed(group.Key.Machine.MemoryBytes / (double)(1L << 30), 1)} GiB"),
            ("system", $"{group.Key.Machine.System}; {group.Key.Machine.Runtime}"),
            ("seed", string.Join(", ", group.Select(result => result.Seed).Distinct())),
        })
        .SelectMany(line => new[] { Html.Element("dt", null, line.Term), Html.Element("dd", null, line.Text) }));

    /// <summary>Of a study that went on from a run that was stopped, only the end was timed.</summary>
    private static string Times(IEnumerable<StudyResult> results)
    {
        ILookup<bool, StudyResult> studies = results.ToLookup(result => result.Resumed);
        string whole = studies[false].Any() ? $"{Html.Seconds(studies[false].Sum(result => result.Seconds))} in all" : "";
        string pieced = studies[true].Any() ? $"in several runs: {string.Join(", ", studies[true].Select(result => result.Study))}" : "";
        return string.Join(", ", new[] { whole, pieced }.Where(part => part.Length > 0));
    }

    private static XElement Link(string target, string text) => Html.Element("a", null, new XAttribute("href", target), text);

    private static string Text(XElement page)
    {
        var text = new StringBuilder();
        using (var writer = XmlWriter.Create(text, new XmlWriterSettings { OmitXmlDeclaration = true, Indent = false, NewLineHandling = NewLineHandling.None }))
        {
            page.Save(writer);
        }
        return text.ToString();
    }
}
