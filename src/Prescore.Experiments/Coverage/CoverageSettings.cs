using Prescore.Models.Formats;

namespace Prescore.Experiments.Coverage;

/// <summary>What a coverage study reads and selects.</summary>
public sealed record CoverageSettings
{
    /// <summary>Keys at the start that every query keeps; no part of <see cref="Keys"/>.</summary>
    public const int Sinks = 4;

    /// <summary>Last keys, its own among them, that every query keeps; no part of <see cref="Keys"/>.</summary>
    public const int Window = 64;

    /// <summary>Queries that share a set where there is one a block.</summary>
    public const int Block = 128;

    /// <summary>Last positions whose queries are shown to the scorers that ask for queries.</summary>
    public const int ObservedPositions = 32;

    /// <summary>Model file.</summary>
    public required string ModelPath { get; init; }

    /// <summary>The text; its owner disposes it after <see cref="CoverageStudy.Run"/>.</summary>
    public required TextInput Text { get; init; }

    /// <summary>Tokens n.</summary>
    public int Context { get; init; } = 2048;

    /// <summary>Keys s of a set.</summary>
    public int Keys { get; init; } = 256;

    /// <summary>Scorers whose best keys are sets, fitted on all keys before and after the rotary embedding.</summary>
    public IReadOnlyList<string> Scorers { get; init; } = ["kmeans", "kmeans-far", "kmedian", "leverage", "norm", "keydiff", "random"];

    /// <summary>File that keeps finished layers; null: none.</summary>
    public string? StatePath { get; init; }
}
