using System.Text.RegularExpressions;
using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Evidence;

/// <summary>
/// Keeps the tables of a Markdown document in step with a report: what stands between
/// <c>&lt;!-- report: STUDY --&gt;</c> and <c>&lt;!-- end of report --&gt;</c> is written from the study's result.
/// </summary>
public static partial class DocumentFigures
{
    /// <summary>The document with its tables as the results have them.</summary>
    /// <param name="document">Markdown.</param>
    /// <param name="folder">The report's results.</param>
    /// <exception cref="BadInputException">There is no result of a study that the document names, or no table for its kind.</exception>
    public static string Update(string document, ResultFolder folder) => Block().Replace(document, match =>
    {
        string study = match.Groups["study"].Value;
        StudyResult result = folder.Read(study) ?? throw new BadInputException($"the report has no result of '{study}', which the document shows");
        return $"<!-- report: {study} -->\n{Table(result)}<!-- end of report -->";
    });

    private static string Table(StudyResult result) => result.Command[0] switch
    {
        "perplexity" => Perplexity(result.Read<PerplexityReport>()),
        "bench" => Bench(result.Read<BenchReport>()),
        _ => throw new BadInputException($"there is no table for 'prescore {result.CommandLine()}' in documents"),
    };

    private static string Perplexity(PerplexityReport report) => Markdown(
        ["method", "budget", "perplexity", "loss, nats a token", "same top token", "attention", "speed-up"],
        report.Methods.Select((row, i) => (string[])
        [
            row.Name,
            Html.Fixed(row.Budget, 3),
            Html.Fixed(row.Perplexity, 2),
            i == 0 ? "" : Html.Signed(row.DeltaNll, 4) + (row.DeltaNllSe is double error ? $" ± {Html.Fixed(error, 4)}" : ""),
            i == 0 ? "" : Html.Percent(row.Top1),
            Html.Seconds(row.AttentionSeconds),
            $"{Html.Fixed(row.Speedup, 2)}×",
        ]));

    private static string Bench(BenchReport report)
    {
        int[] lengths = [.. report.Rows.Select(row => row.N).Distinct().Order()];
        return Markdown(
            ["method", .. lengths.Select(n => $"{Html.Count(n)} tokens: time, relative error")],
            report.Rows.GroupBy(row => row.Method).Select(method => (string[])
            [
                $"`{method.Key}`",
                .. lengths.Select(n => method.FirstOrDefault(row => row.N == n) is { } row
                    ? Html.Seconds(row.Seconds) + (row.Method == "exact" ? "" : $", {Html.Fixed(row.RelativeError, 2)}")
                    : ""),
            ]));
    }

    private static string Markdown(IReadOnlyList<string> columns, IEnumerable<IReadOnlyList<string>> rows) =>
        string.Concat(new[] { columns, [.. columns.Select((_, i) => i == 0 ? "---" : "---:")] }.Concat(rows).Select(row => $"| {string.Join(" | ", row)} |\n"));

    [GeneratedRegex(@"<!-- report: (?<study>[\w-]+) -->\n.*?<!-- end of report -->", RegexOptions.Singleline | RegexOptions.CultureInvariant)]
    private static partial Regex Block();
}
