using System.Text.Json.Serialization;

namespace Prescore.Experiments.Reports;

/// <summary>Result of <c>prescore study layer</c>.</summary>
public sealed record LayerStudyReport
{
    public int SchemaVersion { get; init; } = 1;

    /// <summary>Where queries, keys and values came from.</summary>
    public required string Data { get; init; }

    public required int Threads { get; init; }

    public required ulong Seed { get; init; }

    public required IReadOnlyList<int> Lengths { get; init; }

    /// <summary>The other library whose exact attention was timed; null: none.</summary>
    public required string? Peer { get; init; }

    /// <summary>Every method at every setting and length.</summary>
    public required IReadOnlyList<LayerStudyPoint> Points { get; init; }

    /// <summary>What an error costs by each method.</summary>
    public required IReadOnlyList<EqualErrorRow> EqualError { get; init; }

    public required IReadOnlyList<CrossoverRow> Crossovers { get; init; }

    public required IReadOnlyList<SlopeRow> Slopes { get; init; }
}

/// <summary>One setting of a method at one length.</summary>
public sealed record LayerStudyPoint
{
    /// <summary>Name of the other library in <see cref="Method"/>.</summary>
    public const string PeerMethod = "libtorch";

    /// <summary>Name of the method.</summary>
    public required string Method { get; init; }

    /// <summary>The method with its setting.</summary>
    public required string Spec { get; init; }

    public required int N { get; init; }

    public required double Seconds { get; init; }

    /// <summary>Seconds of exact at that length.</summary>
    public required double ExactSeconds { get; init; }

    public required double Budget { get; init; }

    /// <summary>Share of the seconds spent on scores, selection, hashing and indices.</summary>
    public required double IndexShare { get; init; }

    /// <summary>√(Σ‖ô−o‖² / Σ‖o‖²) over all queries and heads.</summary>
    public required double RelativeError { get; init; }

    /// <summary>Bytes of the method's cache with all tokens; null: it has none.</summary>
    public required long? CacheBytes { get; init; }

    /// <summary>Whether it is exact attention, ours or the other library's.</summary>
    [JsonIgnore]
    public bool IsExact => Method is "exact" or PeerMethod;
}

/// <summary>What an error costs by a method.</summary>
/// <param name="Method">Name of the method.</param>
/// <param name="N">Length.</param>
/// <param name="Error">Relative error.</param>
/// <param name="Seconds">Least time in which the method reaches it; null: no setting does.</param>
/// <param name="Speedup">Exact's time ÷ that time; null: no setting reaches the error.</param>
/// <param name="LeastError">Least error of all settings.</param>
public sealed record EqualErrorRow(string Method, int N, double Error, double? Seconds, double? Speedup, double LeastError);

/// <summary>From where on a method is faster than exact at an error.</summary>
/// <param name="Method">Name of the method.</param>
/// <param name="Error">Relative error.</param>
/// <param name="N">The length, interpolated between two measured ones; null: none of those measured.</param>
/// <param name="Note">What there is to say of it.</param>
public sealed record CrossoverRow(string Method, double Error, int? N, string Note);

/// <summary>How time grows with length.</summary>
/// <param name="Method">Name of the method.</param>
/// <param name="Error">Relative error at which it is timed; null: exact.</param>
/// <param name="Exponent">Least squares of ln seconds on ln n, over the lengths from an eighth of the longest on.</param>
/// <param name="Lengths">Number of lengths in the fit.</param>
public sealed record SlopeRow(string Method, double? Error, double Exponent, int Lengths);
