namespace Prescore.Experiments.Evidence.Claims;

/// <summary>A claim of the paper, and the rule by which results decide on it.</summary>
public interface IClaim
{
    /// <summary>The verdict that the results give; <see cref="Outcome.NotRun"/> where those it needs are missing.</summary>
    Verdict Judge(IReadOnlyList<StudyResult> results);
}

/// <summary>The five claims.</summary>
public static class PaperClaims
{
    /// <summary>By number.</summary>
    public static IReadOnlyList<IClaim> All { get; } =
    [
        new PrescoringHelpsHyper(),
        new ClusteringBeatsLeverage(),
        new VisionKeepsAccuracy(),
        new ClusteringFindsWhatLeverageFinds(),
        new TimeIsSubquadratic(),
    ];

    /// <summary>The verdict on a claim whose studies are missing.</summary>
    internal static Verdict NotRun(int number, string claim, string rule, string needed) => new()
    {
        Number = number,
        Claim = claim,
        Outcome = Outcome.NotRun,
        TestedOn = "",
        Reason = $"The report has no result of {needed}.",
        Rule = rule,
        Results = [],
        Commands = [],
    };
}
