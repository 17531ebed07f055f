namespace Prescore.Experiments.Reports;

/// <summary>Result of <c>prescore bench --decode</c>.</summary>
public sealed record DecodeReport
{
    public int SchemaVersion { get; init; } = 1;

    public required FileIdentity Model { get; init; }

    public required FileIdentity Text { get; init; }

    public required int Threads { get; init; }

    /// <summary>Tokens decoded a row.</summary>
    public required int Tokens { get; init; }

    public required IReadOnlyList<DecodeRow> Rows { get; init; }
}

/// <summary>One method decoding after a context.</summary>
public sealed record DecodeRow
{
    public required string Method { get; init; }

    /// <summary>Tokens before the decoded ones.</summary>
    public required int N { get; init; }

    /// <summary>Mean seconds a token.</summary>
    public required double Seconds { get; init; }

    public required double TokensPerSecond { get; init; }

    /// <summary>Of the seconds, those in attention.</summary>
    public required double AttentionSeconds { get; init; }

    /// <summary>Interactions ÷ exact's, of the decoded tokens.</summary>
    public required double Budget { get; init; }

    /// <summary>Bytes of the weights.</summary>
    public required long WeightBytes { get; init; }

    /// <summary>Bytes of the keys and values that the method's interactions stand for: budget × all of them.</summary>
    public required long CacheBytes { get; init; }

    /// <summary>Bytes a second at which as much memory is read, measured beside.</summary>
    public required double BytesPerSecond { get; init; }

    /// <summary>Share of that speed that the token reaches: seconds that reading weights and cache once takes ÷ <see cref="Seconds"/>.</summary>
    public required double Share { get; init; }
}
