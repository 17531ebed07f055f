namespace Prescore.Experiments.Reports;

/// <summary>Result of <c>prescore bench</c>.</summary>
public sealed record BenchReport
{
    public int SchemaVersion { get; init; } = 2;

    public required int Threads { get; init; }

    public required double PeakGflops { get; init; }

    /// <summary>Where queries, keys and values came from: a file name, <c>gaussian</c>, or the model's layers and text.</summary>
    public required string Data { get; init; }

    public required IReadOnlyList<BenchRow> Rows { get; init; }

    /// <summary>Exponent of time against n, a method; only methods with two lengths or more.</summary>
    public required IReadOnlyDictionary<string, double> Slopes { get; init; }
}

/// <summary>One method at one length.</summary>
public sealed record BenchRow
{
    public required string Method { get; init; }

    public required int N { get; init; }

    public required double Seconds { get; init; }

    /// <summary>Floating-point operations of the interactions (2·(d + d_v) each: q·k and p·v) ÷ seconds, in 10⁹.</summary>
    public required double Gflops { get; init; }

    public required double Budget { get; init; }

    public required double RelativeError { get; init; }

    public required double Speedup { get; init; }

    /// <summary>Share of the seconds spent on scores, selection, hashing and indices.</summary>
    public required double IndexShare { get; init; }

    /// <summary>What the method certified of itself; null for methods that do not measure their error.</summary>
    public required CertificateReport? Certificate { get; init; }
}
