namespace Prescore.Experiments.Reports;

/// <summary>Result of <c>prescore advise</c>.</summary>
public sealed record AdviceReport
{
    public int SchemaVersion { get; init; } = 1;

    /// <summary>Model, layers and text that were measured.</summary>
    public required string Data { get; init; }

    public required int Context { get; init; }

    public required double WantedError { get; init; }

    public required int Threads { get; init; }

    public required IReadOnlyList<int> MeasuredLengths { get; init; }

    /// <summary>Whether the context is beyond the measured lengths.</summary>
    public required bool Extrapolated { get; init; }

    /// <summary>Whether exact's time grows so unlike n² that other work on the machine must have disturbed the measurement.</summary>
    public required bool Disturbed { get; init; }

    public required int ModelLayers { get; init; }

    /// <summary>Layers that were timed; the others are taken to cost the same.</summary>
    public required IReadOnlyList<int> MeasuredLayers { get; init; }

    /// <summary>Predictions at the context, exact first.</summary>
    public required IReadOnlyList<AdviceRow> Methods { get; init; }

    public required string Recommended { get; init; }

    /// <summary>Where exact is recommended: the length from which on another method at the wanted error is faster; null: none is known.</summary>
    public required double? FasterFrom { get; init; }
}

/// <summary>One method's prediction at the context.</summary>
public sealed record AdviceRow
{
    public required string Method { get; init; }

    /// <summary>Attention of all layers.</summary>
    public required double Seconds { get; init; }

    /// <summary>b of seconds = a·n^b.</summary>
    public required double SecondsExponent { get; init; }

    public required double Budget { get; init; }

    /// <summary>Measured at the longest length; not extrapolated.</summary>
    public required double RelativeError { get; init; }

    public required bool MeetsError { get; init; }

    /// <summary>Exact's predicted seconds ÷ this method's.</summary>
    public required double Speedup { get; init; }
}
