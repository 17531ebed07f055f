using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Evidence.Claims;

/// <summary>Claim 3: a vision transformer keeps most of its accuracy.</summary>
internal sealed class VisionKeepsAccuracy : IClaim
{
    private const int Number = 3;

    // "Most" of the accuracy, and the share of the keys that must be enough for it.
    private const double Most = 0.9;
    private const double ShareOfKeys = 0.5;

    private const string Claim = "A vision transformer whose self-attention is replaced keeps most of its accuracy.";

    private static readonly string Rule =
        $"Accuracy with at most {Html.Percent(ShareOfKeys)} of the keys a query in all layers, without any training after the exchange. Reproduced: k-means's top keys alone keep {Html.Percent(Most)} of exact's accuracy. In part: only they with CLS kept do, or leverage's. Not reproduced: no score's keys do. Keys drawn at random stand beside them as a control.";

    /// <inheritdoc/>
    public Verdict Judge(IReadOnlyList<StudyResult> results)
    {
        StudyResult[] sources = [.. results.Where(result => result.Command is ["study", "vision", ..])];
        if (sources.Length == 0)
        {
            return PaperClaims.NotRun(Number, Claim, Rule, "'prescore study vision' (it needs the images of Fashion-MNIST)");
        }
        VisionReport report = sources[^1].Read<VisionReport>();
        int keys = report.Rows.Where(row => row.Keys <= ShareOfKeys * report.Tokens).Select(row => row.Keys).DefaultIfEmpty(report.Rows.Min(row => row.Keys)).Max();
        var kept = report.Rows.Where(row => row.Keys == keys).GroupBy(row => row.Form)
            .ToDictionary(form => form.Key, form => form.Average(row => row.Accuracy) / report.ExactAccuracy);
        string[] scored = ["kmeans", "kmeans, CLS kept", "leverage", "leverage, CLS kept"];
        Outcome outcome = kept.GetValueOrDefault("kmeans") >= Most ? Outcome.Reproduced
            : scored.Any(form => kept.GetValueOrDefault(form) >= Most) ? Outcome.InPart
            : Outcome.NotReproduced;
        return new Verdict
        {
            Number = Number,
            Claim = Claim,
            Outcome = outcome,
            TestedOn = $"{report.Model.File}, {report.Images} test images of Fashion-MNIST, exact accuracy {Html.Percent(report.ExactAccuracy)}, {keys} of {report.Tokens} keys",
            Reason = "Share of exact's accuracy that is kept: "
                + string.Join("; ", scored.Concat(["random", "coreset", "clustered"]).Where(kept.ContainsKey).Select(form => $"{form} {Html.Percent(kept[form])}"))
                + $"; each ± some {Html.Percent(Math.Sqrt(report.ExactAccuracy * (1 - report.ExactAccuracy) / report.Images))}.",
            Rule = Rule,
            Results = [sources[^1].Study],
            Commands = [sources[^1].CommandLine()],
        };
    }
}
