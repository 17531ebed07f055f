namespace Prescore.Experiments.Reports;

/// <summary>Result of <c>prescore study coverage</c>; <c>docs/json.md</c> describes every field.</summary>
public sealed record CoverageReport
{
    public int SchemaVersion { get; init; } = 1;

    public required FileIdentity Model { get; init; }

    public required FileIdentity Text { get; init; }

    public required int Context { get; init; }

    /// <summary>Keys s of a choice.</summary>
    public required int Keys { get; init; }

    /// <summary>First keys, which every query keeps beside a choice.</summary>
    public required int Sinks { get; init; }

    /// <summary>Last keys, which every query keeps beside a choice.</summary>
    public required int Window { get; init; }

    /// <summary>Queries that share the best set a block.</summary>
    public required int Block { get; init; }

    public required ulong Seed { get; init; }

    public required int Threads { get; init; }

    /// <summary>Share of attention on far keys, neither sinks nor window, of each layer and query head.</summary>
    public required IReadOnlyList<double[]> FarMass { get; init; }

    /// <summary>Attention from which on a key counts as heavy for a query.</summary>
    public required IReadOnlyList<double> Thresholds { get; init; }

    /// <summary>Heavy far keys of a query and head, in the mean, a threshold each.</summary>
    public required IReadOnlyList<double> HeavyKeys { get; init; }

    public required IReadOnlyList<CoverageRow> Choices { get; init; }
}

/// <summary>What one way to choose keys holds of exact attention.</summary>
public sealed record CoverageRow
{
    public required string Name { get; init; }

    /// <summary>Share of all attention on sinks, window and the choice, mean over layers and heads.</summary>
    public required double Mass { get; init; }

    /// <summary>Share of the attention on far keys that is on the choice, over all layers and heads.</summary>
    public required double FarMass { get; init; }

    /// <summary>Share of queries' heavy far keys that are in the choice, a threshold each; null where there are none.</summary>
    public required IReadOnlyList<double> HeavyRecall { get; init; }

    /// <summary><see cref="FarMass"/> of each layer and query head; null where a head has none.</summary>
    public required IReadOnlyList<double[]> FarMassByHead { get; init; }
}
