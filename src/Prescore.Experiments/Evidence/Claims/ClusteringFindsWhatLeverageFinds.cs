using Prescore.Experiments.Planted;
using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Evidence.Claims;

/// <summary>Claim 4: in the planted-subspace model clustering recovers the heavy keys that leverage recovers.</summary>
internal sealed class ClusteringFindsWhatLeverageFinds : IClaim
{
    private const int Number = 4;

    private const string Claim = "Under a planted-subspace model clustering recovers the same heavy keys as leverage.";

    private static readonly string Rule =
        $"Reproduced: at {Html.Fixed(PlantedPoints.Inside, 1)} times the signal from which on leverage must recover all planted keys, k-means selects just those in every draw, as leverage does, for every size of keys. In part: only at {Html.Fixed(PlantedPoints.Inside, 1)} times the signal of clustering's own, stronger condition. Not reproduced: not there either.";

    /// <inheritdoc/>
    public Verdict Judge(IReadOnlyList<StudyResult> results)
    {
        (StudyResult Source, PlantedReport Report)[] all =
        [
            .. results.Where(result => result.Command is ["study", "planted", ..]).Select(result => (result, result.Read<PlantedReport>()))
                .Where(one => At(one.Item2, PlantedPoints.InsideName).Length > 0),
        ];
        if (all.Length == 0)
        {
            return PaperClaims.NotRun(Number, Claim, Rule, "'prescore study planted'");
        }
        (StudyResult source, PlantedReport report) = all.MaxBy(one => one.Report.Seeds);
        PlantedRow[] leverages = At(report, PlantedPoints.SignalName(PlantedPoints.Inside)), both = At(report, PlantedPoints.InsideName);
        bool Recovers(PlantedRow[] rows, string scorer) => rows.Length > 0 && rows.All(row => Of(row, scorer)?.Exact == 1);
        Outcome outcome = Recovers(leverages, "leverage") && Recovers(leverages, "kmeans") ? Outcome.Reproduced
            : Recovers(both, "leverage") && Recovers(both, "kmeans") ? Outcome.InPart
            : Outcome.NotReproduced;
        return new Verdict
        {
            Number = Number,
            Claim = Claim,
            Outcome = outcome,
            TestedOn = $"the model of docs/planted.md, n = {Html.Count(report.Keys)}, {report.Seeds} draws a point",
            Reason = $"{InWords("inside leverage's condition", leverages)}; {InWords("inside both conditions", both)}.",
            Rule = Rule,
            Results = [source.Study],
            Commands = [source.CommandLine()],
        };
    }

    private static PlantedRow[] At(PlantedReport report, string name) => [.. report.Points.Where(row => row.Name == name)];

    private static RecoveryRow? Of(PlantedRow row, string scorer) => row.Scorers.FirstOrDefault(one => one.Scorer == scorer);

    private static string InWords(string where, PlantedRow[] rows) => $"{where}: " + string.Join(", ", rows.SelectMany(row =>
        new[] { "leverage", "kmeans", "kmedian" }.Select(scorer => (scorer, Found: Of(row, scorer))).Where(one => one.Found is not null)
            .Select(one => $"{one.scorer} all keys in {Html.Percent(one.Found!.Exact)} of the draws (recall {Html.Percent(one.Found.Recall)}) at d = {row.Dimension}")));
}
