namespace Prescore.Benchmarks.Scoring;

/// <summary>What the <c>scoring</c> command writes as JSON.</summary>
/// <param name="Threads">Threads.</param>
/// <param name="Data">Where queries, keys and values come from.</param>
/// <param name="Selected">Keys s that are selected.</param>
/// <param name="Rows">One row a length and scorer.</param>
internal sealed record ScoringReport(int Threads, string Data, int Selected, IReadOnlyList<ScoringRow> Rows);

/// <summary>One scorer at one length.</summary>
/// <param name="Scorer">The scorer.</param>
/// <param name="N">Length.</param>
/// <param name="Seconds">Seconds of the whole attention, scoring included.</param>
/// <param name="IndexSeconds">Of these, seconds spent on scores and selection.</param>
/// <param name="Share">The ratio of both, 0..1.</param>
/// <param name="Budget">Interactions ÷ exact's.</param>
internal sealed record ScoringRow(string Scorer, int N, double Seconds, double IndexSeconds, double Share, double Budget);
