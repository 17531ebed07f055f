namespace Prescore.Experiments.Reports;

/// <summary>Result of <c>prescore verify</c>.</summary>
public sealed record VerifyReport
{
    public int SchemaVersion { get; init; } = 1;

    public required FileIdentity Model { get; init; }

    public required FileIdentity Cases { get; init; }

    public required string Attention { get; init; }

    public required bool Passed { get; init; }

    public required IReadOnlyList<VerifyRow> Arrays { get; init; }
}

/// <summary>One compared array, or all token ids of a tokenizer file.</summary>
public sealed record VerifyRow
{
    public required string Name { get; init; }

    public required long Values { get; init; }

    /// <summary>Null where a value is not a number.</summary>
    public required double? MaxDifference { get; init; }

    /// <summary>Null where a value is not a number.</summary>
    public required double? MeanDifference { get; init; }

    public required double Bound { get; init; }

    public required bool Passed { get; init; }

    /// <summary>Where the first value beyond the bound stands; null where none is.</summary>
    public required string? FirstMismatch { get; init; }
}
