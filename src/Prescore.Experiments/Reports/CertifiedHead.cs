using System.Diagnostics.CodeAnalysis;
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

/// <summary>One head's certificate and how the head ended.</summary>
public sealed record CertifiedHead : HeadCertificate
{
    /// <summary>Creates an empty one, to be filled.</summary>
    [JsonConstructor]
    public CertifiedHead()
    {
    }

    [SetsRequiredMembers]
    private CertifiedHead(HeadCertificate head, int window, HeadState state)
        : base(head) => (Window, State) = (window, state);

    /// <summary>Window, from 0; 0 in a benchmark.</summary>
    public required int Window { get; init; }

    /// <summary>How it ended.</summary>
    public required HeadState State { get; init; }

    internal static CertifiedHead Of(HeadCertificate head, int window, bool hasTarget) => new(
        head,
        window,
        hasTarget && head.UnmetBlocks > 0 && 2 * head.UnmetBlocks >= head.Blocks ? HeadState.Unmet
            : hasTarget && head.Share is null && head.Blocks > 0 ? HeadState.Exact
            : HeadState.Screened);
}
