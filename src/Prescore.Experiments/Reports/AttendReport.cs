namespace Prescore.Experiments.Reports;

/// <summary>Result of <c>prescore attend</c>.</summary>
public sealed record AttendReport
{
    public int SchemaVersion { get; init; } = 1;

    public required FileIdentity Data { get; init; }

    public required string Method { get; init; }

    public required bool Causal { get; init; }

    public required ulong Seed { get; init; }

    public required int Threads { get; init; }

    public required double Budget { get; init; }

    public required long Interactions { get; init; }

    /// <summary>Pairs of a query and a key of which the sketches alone were compared; in the interactions at their cost.</summary>
    public long Screened { get; init; }

    public required long IndexProducts { get; init; }

    public required double Seconds { get; init; }

    public required double ExactSeconds { get; init; }

    /// <summary>Over all queries of all heads.</summary>
    public required double RelativeError { get; init; }

    /// <summary>One a query head.</summary>
    public required IReadOnlyList<double> RelativeErrorByHead { get; init; }
}
