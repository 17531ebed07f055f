namespace Prescore.Experiments.Planted;

/// <summary>One row of the study.</summary>
/// <param name="Name">What it varies.</param>
/// <param name="Model">The model, written out.</param>
/// <param name="Seeds">Draws.</param>
internal sealed record PlantedCell(string Name, PlantedModel Model, int Seeds)
{
    /// <summary>What it takes, in units of its own.</summary>
    public double Work => (double)Seeds * Model.Keys * Model.Dimension;
}
