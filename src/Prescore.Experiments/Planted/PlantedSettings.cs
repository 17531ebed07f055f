namespace Prescore.Experiments.Planted;

/// <summary>What a study of the planted model draws and compares.</summary>
public sealed record PlantedSettings
{
    /// <summary>Scorers to compare; they must ask for keys alone.</summary>
    public IReadOnlyList<string> Scorers { get; init; } = ["kmeans", "kmedian", "kmeans-far", "leverage", "ridge", "norm", "keydiff", "random"];

    /// <summary>Draws of every point, at least 1.</summary>
    public int Seeds { get; init; } = 200;

    /// <summary>Seed of the first draw; the others follow it.</summary>
    public ulong FirstSeed { get; init; }

    /// <summary>Number n of keys.</summary>
    public int Keys { get; init; } = 10_000;

    /// <summary>Sizes d of keys; every point is run at each.</summary>
    public IReadOnlyList<int> Dimensions { get; init; } = [16, 64];

    /// <summary>Names of points to run (<see cref="PlantedPoints.Names"/>); empty: all, or none where there is a <see cref="Custom"/> one.</summary>
    public IReadOnlyCollection<string> Points { get; init; } = [];

    /// <summary>A point of its own; null: none.</summary>
    public CustomPoint? Custom { get; init; }

    /// <summary>Whether the phase diagrams are made too, of a tenth of the draws.</summary>
    public bool Phases { get; init; }

    /// <summary>File that keeps finished points; null: none.</summary>
    public string? StatePath { get; init; }
}
