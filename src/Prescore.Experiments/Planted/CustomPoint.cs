namespace Prescore.Experiments.Planted;

/// <summary>A point of the planted model with parameters of one's own; what is null is as in <see cref="PlantedModel"/>.</summary>
public sealed record CustomPoint
{
    /// <summary>Name of the point.</summary>
    public const string Name = "custom";

    /// <summary>Directions r, 1 … d; null: d.</summary>
    public int? Directions { get; init; }

    /// <summary>Signal keys m a direction, at least 1; null: 8.</summary>
    public int? KeysPerDirection { get; init; }

    /// <summary>Norm α of a signal, finite and above 0; null: <see cref="PlantedPoints.Inside"/> times leverage's boundary.</summary>
    public double? Signal { get; init; }

    /// <summary>Standard deviation σ of the noise, finite and at least 0; null: 1.</summary>
    public double? Noise { get; init; }

    /// <summary>Cosine between any two directions, at least 0 and below 1; null: 0.</summary>
    public double? Overlap { get; init; }

    /// <summary>Spread of the norms, finite and at least 0; null: 0.</summary>
    public double? NormSpread { get; init; }

    /// <summary>Whether a rotary embedding turns the keys.</summary>
    public bool Rotary { get; init; }

    /// <summary>Keys s that a scorer selects, 1 … n; null: as many as there are signal keys.</summary>
    public int? Selected { get; init; }

    /// <summary>Clusters k, 1 … n; null: min(d + 1, ⌊s/2⌋).</summary>
    public int? Clusters { get; init; }

    /// <summary>The model with keys of one size.</summary>
    /// <param name="keys">Number n of keys.</param>
    /// <param name="dimension">Size d of a key.</param>
    /// <exception cref="BadInputException">The parameters do not go together.</exception>
    internal PlantedModel At(int keys, int dimension)
    {
        int directions = Directions ?? dimension;
        var model = new PlantedModel
        {
            Keys = keys,
            Dimension = dimension,
            Directions = directions,
            Signal = Signal ?? 0,
            Overlap = Overlap ?? 0,
            NormSpread = NormSpread ?? 0,
            Rotary = Rotary,
            Selected = Selected ?? 0,
            Clusters = Clusters,
        };
        model = model with { KeysPerDirection = KeysPerDirection ?? model.KeysPerDirection, Noise = Noise ?? model.Noise };
        RequireRoom(model);
        if (Signal is not null)
        {
            return model;
        }
        return model.Boundary is > 0 and < double.PositiveInfinity
            ? model with { Signal = PlantedPoints.Inside * model.Boundary }
            : throw new BadInputException($"leverage has no boundary with {Described(model)}, so the norm of the signal must be given");
    }

    private static void RequireRoom(PlantedModel model)
    {
        if (model.Directions > model.Dimension)
        {
            throw new BadInputException($"{model.Directions} orthonormal directions do not fit into keys of size {model.Dimension}");
        }
        long signal = (long)model.Directions * model.KeysPerDirection;
        if (signal >= model.Keys)
        {
            throw new BadInputException($"{Described(model)} are {signal} signal keys, which leaves no noise among {model.Keys} keys");
        }
        if (model.Selected > model.Keys)
        {
            throw new BadInputException($"of {model.Keys} keys {model.Selected} cannot be selected");
        }
        if (model.Clusters > model.Keys)
        {
            throw new BadInputException($"{model.Keys} keys have no {model.Clusters} clusters");
        }
        if (model.Rotary && model.Dimension % 2 == 1)
        {
            throw new BadInputException($"a rotary embedding turns pairs of coordinates; keys of size {model.Dimension} have one too many");
        }
    }

    private static string Described(PlantedModel model) =>
        FormattableString.Invariant($"{model.Directions} directions, {model.KeysPerDirection} keys each and noise of {model.Noise}");
}
