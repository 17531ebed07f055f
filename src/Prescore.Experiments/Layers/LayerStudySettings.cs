namespace Prescore.Experiments.Layers;

/// <summary>What a layer study measures.</summary>
public sealed record LayerStudySettings
{
    /// <summary>Lengths n, rising.</summary>
    public required IReadOnlyList<int> Lengths { get; init; }

    /// <summary>Methods beside exact, by their names in <see cref="MethodSweep.All"/>.</summary>
    public IReadOnlyList<string> Methods { get; init; } = [.. MethodSweep.All.Select(sweep => sweep.Name)];

    /// <summary>File of finished points, read at the start and added to; null: none.</summary>
    public string? StatePath { get; init; }
}
