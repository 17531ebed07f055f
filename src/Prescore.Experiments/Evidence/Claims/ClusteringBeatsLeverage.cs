namespace Prescore.Experiments.Evidence.Claims;

/// <summary>Claim 2: keys chosen by clustering serve better than as many chosen by leverage.</summary>
internal sealed class ClusteringBeatsLeverage : IClaim
{
    private const int Number = 2;

    private const string Claim = "Clustering-based scores beat leverage-based ones at the same key budget.";

    private const string Rule =
        "k-means is compared with leverage at equal budgets, on each text and length and with each inner attention; a difference counts where it is more than two standard errors. Reproduced: k-means is better in at least half of the comparisons and worse in none. Not reproduced: better in none. In part: otherwise.";

    /// <inheritdoc/>
    public Verdict Judge(IReadOnlyList<StudyResult> results)
    {
        IReadOnlyList<QualityPoint> points = QualityPoint.Of(results);
        QualityPair[] pairs = [.. new[] { "inner=exact", "inner=hyper" }.SelectMany(inner => QualityPair.Of(
            points, point => point.Is("prescored", "scorer=kmeans", inner), point => point.Is("prescored", "scorer=leverage", inner)))];
        if (pairs.Length == 0)
        {
            return PaperClaims.NotRun(Number, Claim, Rule, "'prescore perplexity' with scorers kmeans and leverage");
        }
        (int better, int worse) = (pairs.Count(pair => pair.FirstIsBetter), pairs.Count(pair => pair.SecondIsBetter));
        StudyResult[] sources = [.. pairs.Select(pair => pair.First.Source).Distinct()];
        return new Verdict
        {
            Number = Number,
            Claim = Claim,
            Outcome = better == 0 ? Outcome.NotReproduced : 2 * better >= pairs.Length && worse == 0 ? Outcome.Reproduced : Outcome.InPart,
            TestedOn = "SmolLM2-135M, key budgets equal",
            Reason = $"In {pairs.Length} comparisons k-means is better in {better} and worse in {worse}. Its loss less leverage's, nats a token: "
                + string.Join("; ", pairs.Select(pair => $"{(pair.First.Is("prescored", "inner=hyper") ? "inner hyper" : "inner exact")}, {pair.Where}: {pair.InWords()}")) + ".",
            Rule = Rule,
            Results = [.. sources.Select(source => source.Study)],
            Commands = [.. sources.Select(source => source.CommandLine())],
        };
    }
}
