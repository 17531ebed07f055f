using System.Text.Json.Serialization;

namespace Prescore.Experiments.Evidence;

/// <summary>How a claim of the paper fared.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<Outcome>))]
public enum Outcome
{
    [JsonStringEnumMemberName("reproduced")]
    Reproduced,

    [JsonStringEnumMemberName("in part")]
    InPart,

    [JsonStringEnumMemberName("not reproduced")]
    NotReproduced,

    [JsonStringEnumMemberName("not testable here")]
    NotTestable,

    [JsonStringEnumMemberName("not run")]
    NotRun,
}

/// <summary>A claim of the paper and what the studies say of it.</summary>
public sealed record Verdict
{
    /// <summary>Number of the claim, from 1.</summary>
    public required int Number { get; init; }

    public required string Claim { get; init; }

    public required Outcome Outcome { get; init; }

    /// <summary>Where the claim itself cannot be tested here: what came of the test that stands in for it.</summary>
    public Outcome? OfStandIn { get; init; }

    /// <summary>What it was tested on.</summary>
    public required string TestedOn { get; init; }

    /// <summary>The figures that decided.</summary>
    public required string Reason { get; init; }

    /// <summary>The rule by which they did.</summary>
    public required string Rule { get; init; }

    /// <summary>Names of the studies' files.</summary>
    public required IReadOnlyList<string> Results { get; init; }

    /// <summary>The commands that make them again.</summary>
    public required IReadOnlyList<string> Commands { get; init; }

    /// <summary>The outcome in words.</summary>
    public string InWords() => OfStandIn is Outcome standIn ? $"{Words(Outcome)}; stand-in: {Words(standIn)}" : Words(Outcome);

    private static string Words(Outcome outcome) => outcome switch
    {
        Outcome.Reproduced => "reproduced",
        Outcome.InPart => "in part",
        Outcome.NotReproduced => "not reproduced",
        Outcome.NotTestable => "not testable here",
        _ => "not run",
    };
}

/// <summary>All verdicts, as the report's folder keeps them.</summary>
/// <param name="Verdicts">By number.</param>
public sealed record VerdictList(IReadOnlyList<Verdict> Verdicts)
{
    public int SchemaVersion { get; init; } = 1;
}
