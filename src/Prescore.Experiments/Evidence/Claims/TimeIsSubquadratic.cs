using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Evidence.Claims;

/// <summary>Claim 5: everything stays subquadratic.</summary>
internal sealed class TimeIsSubquadratic : IClaim
{
    private const int Number = 5;

    // An exponent below it counts as less than quadratic: exact's own, measured, is a little under 2 at short lengths.
    private const double Bound = 1.8;

    private const string Claim = "All of it stays subquadratic.";

    private static readonly string Rule =
        $"Exponent of time against length, by least squares over the lengths of the study. Reproduced: below {Html.Fixed(Bound, 1)} for pre-scored attention with both inner methods, and for the interactions too. In part: for some of them. Not reproduced: for none.";

    /// <inheritdoc/>
    public Verdict Judge(IReadOnlyList<StudyResult> results)
    {
        StudyResult? source = results.LastOrDefault(result => result.Command[0] == "bench");
        if (source is null)
        {
            return PaperClaims.NotRun(Number, Claim, Rule, "'prescore bench'");
        }
        BenchReport report = source.Read<BenchReport>();
        (string Method, double Time, double Interactions)[] exponents =
        [
            .. report.Rows.GroupBy(row => row.Method).Where(method => report.Slopes.ContainsKey(method.Key))
                .Select(method => (method.Key, report.Slopes[method.Key], LogLogSlope.Of([.. method.Select(row => ((double)row.N, row.Budget * row.N * row.N))]) ?? double.NaN)),
        ];
        var prescored = exponents.Where(one => one.Method.StartsWith("prescored", StringComparison.Ordinal)).ToArray();
        if (prescored.Length == 0)
        {
            return PaperClaims.NotRun(Number, Claim, Rule, "'prescore bench' at several lengths with prescored methods");
        }
        int below = prescored.Count(one => one.Time < Bound && one.Interactions < Bound);
        return new Verdict
        {
            Number = Number,
            Claim = Claim,
            Outcome = below == prescored.Length ? Outcome.Reproduced : below > 0 ? Outcome.InPart : Outcome.NotReproduced,
            TestedOn = $"{report.Data}, n = {string.Join(", ", report.Rows.Select(row => row.N).Distinct().Order().Select(n => Html.Count(n)))}",
            Reason = "Exponents of time (of interactions): " + string.Join("; ", exponents.Select(one => $"{one.Method} {Html.Fixed(one.Time, 2)} ({Html.Fixed(one.Interactions, 2)})")) + ".",
            Rule = Rule,
            Results = [source.Study],
            Commands = [source.CommandLine()],
        };
    }
}
