namespace Prescore.Experiments.Evidence.Claims;

/// <summary>Claim 1: with pre-scoring HyperAttention loses less at the same budget.</summary>
internal sealed class PrescoringHelpsHyper : IClaim
{
    private const int Number = 1;

    private const string Claim =
        "On ChatGLM at 131k tokens perplexity falls from 12.0 to 9.5 when HyperAttention gets pre-scoring, at a fixed interaction budget.";

    private const string Rule =
        "Reproduced: on every text and length HyperAttention behind k-means pre-scoring loses less than HyperAttention alone at an equal budget, by more than two standard errors, and less than behind randomly chosen keys as well. In part: only the first of the two. The claim's own model and length are not at hand, so whatever comes out is a stand-in's.";

    /// <inheritdoc/>
    public Verdict Judge(IReadOnlyList<StudyResult> results)
    {
        IReadOnlyList<QualityPoint> points = QualityPoint.Of(results);
        bool Scored(QualityPoint point) => point.Is("prescored", "scorer=kmeans", "inner=hyper");
        IReadOnlyList<QualityPair> plain = QualityPair.Of(points, Scored, point => point.Is("hyper"));
        IReadOnlyList<QualityPair> random = QualityPair.Of(points, Scored, point => point.Is("prescored", "scorer=random", "inner=hyper"));
        if (plain.Count == 0)
        {
            return PaperClaims.NotRun(Number, Claim, Rule, "'prescore perplexity' with hyper and prescored:scorer=kmeans,inner=hyper");
        }
        bool helps = plain.All(pair => pair.FirstIsBetter);
        bool scoresHelp = random.Count > 0 && random.All(pair => pair.FirstIsBetter);
        StudyResult[] sources = [.. plain.Select(pair => pair.First.Source).Distinct()];
        string figures = string.Join("; ", plain.Select(pair =>
            $"{pair.Where}: perplexity {Html.Fixed(pair.Second.Perplexity, 1)} → {Html.Fixed(pair.First.Perplexity, 1)} at budget {Html.Fixed(pair.First.Budget, 2)} {Exact(points, pair.Where)}"));
        string control = random.Count == 0 ? "" : " Against randomly chosen keys in place of k-means's the loss differs by "
            + string.Join("; ", random.Select(pair => pair.InWords())) + " nats a token" + (scoresHelp ? "." : ": the gain is not the scores'.");
        return new Verdict
        {
            Number = Number,
            Claim = Claim,
            Outcome = Outcome.NotTestable,
            OfStandIn = helps ? scoresHelp ? Outcome.Reproduced : Outcome.InPart : Outcome.NotReproduced,
            TestedOn = "SmolLM2-135M in place of ChatGLM, at lengths that two cores allow",
            Reason = $"HyperAttention alone → behind k-means: {figures}.{control}",
            Rule = Rule,
            Results = [.. sources.Select(source => source.Study)],
            Commands = [.. sources.Select(source => source.CommandLine())],
        };
    }

    private static string Exact(IReadOnlyList<QualityPoint> points, string where) =>
        points.FirstOrDefault(point => point.Where == where && point.Is("exact")) is { } exact ? $"(exact {Html.Fixed(exact.Perplexity, 1)})" : "";
}
