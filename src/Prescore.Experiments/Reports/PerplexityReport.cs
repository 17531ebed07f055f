namespace Prescore.Experiments.Reports;

/// <summary>Result of <c>prescore perplexity</c>; <c>docs/json.md</c> describes every field.</summary>
public sealed record PerplexityReport
{
    public int SchemaVersion { get; init; } = 2;

    public required FileIdentity Model { get; init; }

    public required FileIdentity Text { get; init; }

    public required int Context { get; init; }

    public required int Skip { get; init; }

    public required long TokensScored { get; init; }

    public required ulong Seed { get; init; }

    public required int Threads { get; init; }

    /// <summary>What the linear layers multiplied: "float" or "int8".</summary>
    public string Activations { get; init; } = "float";

    public required IReadOnlyList<PerplexityRow> Methods { get; init; }
}

/// <summary>One method's quality and cost.</summary>
public sealed record PerplexityRow
{
    public required string Name { get; init; }

    public required string Spec { get; init; }

    public required double Budget { get; init; }

    public required long Interactions { get; init; }

    /// <summary>Pairs of a query and a key of which the sketches alone were compared; in the interactions at their cost.</summary>
    public long Screened { get; init; }

    public required long IndexProducts { get; init; }

    /// <summary>Mean negative log-likelihood of the scored targets, nats a token.</summary>
    public required double Nll { get; init; }

    public required double Perplexity { get; init; }

    public required double DeltaNll { get; init; }

    /// <summary>Null where there are too few tokens for one.</summary>
    public required double? DeltaNllSe { get; init; }

    public required double Kl { get; init; }

    public required double Top1 { get; init; }

    public required double AttentionSeconds { get; init; }

    public required double Seconds { get; init; }

    public required double Speedup { get; init; }

    public required double SpeedupTotal { get; init; }

    /// <summary>What the method certified of itself; null for methods that do not measure their error.</summary>
    public required CertificateReport? Certificate { get; init; }
}
