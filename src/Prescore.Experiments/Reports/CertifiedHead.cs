using System.Text.Json.Serialization;
using Prescore.Attention.Contracts;

namespace Prescore.Experiments.Reports;

/// <summary>How a certified head ended.</summary>
[JsonConverter(typeof(JsonStringEnumConverter<HeadState>))]
public enum HeadState
{
    /// <summary>It visits some of the clusters.</summary>
    [JsonStringEnumMemberName("screened")]
    Screened,

    /// <summary>It is exact: no cheaper setting met the target.</summary>
    [JsonStringEnumMemberName("exact")]
    Exact,

    /// <summary>A budget kept it from its target in at least half of its blocks.</summary>
    [JsonStringEnumMemberName("unmet")]
    Unmet,
}

/// <summary>One head's certificate.</summary>
public sealed record CertifiedHead
{
    /// <summary>Window, from 0; 0 in a benchmark.</summary>
    public required int Window { get; init; }

    public required int Layer { get; init; }

    public required int Head { get; init; }

    /// <summary>Relative error of the head's output over its probes, out of sample.</summary>
    public required double Error { get; init; }

    public required double ErrorLow { get; init; }

    public required double ErrorHigh { get; init; }

    /// <summary>95th percentile of the single probes' errors.</summary>
    public required double Percentile95 { get; init; }

    /// <summary>Largest error of a single probe.</summary>
    public required double Worst { get; init; }

    public required int Probes { get; init; }

    /// <summary>Share of a query's attention from which a far key is computed at the end; 1: none is; null: all are.</summary>
    public required double? Share { get; init; }

    /// <summary>Interactions ÷ exact's.</summary>
    public required double Budget { get; init; }

    public required int Blocks { get; init; }

    public required int ExactBlocks { get; init; }

    public required int UnmetBlocks { get; init; }

    /// <summary>How it ended.</summary>
    public required HeadState State { get; init; }

    internal static CertifiedHead Of(HeadCertificate head, int window, bool hasTarget) => new()
    {
        Window = window,
        Layer = head.Layer,
        Head = head.Head,
        Error = head.Error,
        ErrorLow = head.ErrorLow,
        ErrorHigh = head.ErrorHigh,
        Percentile95 = head.Percentile95,
        Worst = head.Worst,
        Probes = head.Probes,
        Share = head.Share,
        Budget = head.Budget,
        Blocks = head.Blocks,
        ExactBlocks = head.ExactBlocks,
        UnmetBlocks = head.UnmetBlocks,
        State = hasTarget && head.UnmetBlocks > 0 && 2 * head.UnmetBlocks >= head.Blocks ? HeadState.Unmet
            : hasTarget && head.Share is null && head.Blocks > 0 ? HeadState.Exact
            : HeadState.Screened,
    };
}
