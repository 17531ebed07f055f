using System.CommandLine;
using Prescore.Experiments.Planted;

namespace Prescore.Cli.Options;

/// <summary>Parameters of a planted model of one's own; any of them makes it one.</summary>
internal sealed class PlantedPointOptions
{
    private const int MostKeys = 1_000_000;

    // Squares of keys, with the spread's factor, stay far below the largest single-precision number.
    private const double LargestNorm = 1e9;

    private readonly Option<int?> _directions = NumberOptions.Whole("--directions", "Directions r, at most d. Default: d.", 1, "R", MostKeys);
    private readonly Option<int?> _keysPerDirection = NumberOptions.Whole("--keys-per-direction", "Signal keys m a direction. Default: 8.", 1, "M", MostKeys);
    private readonly Option<double?> _signal =
        NumberOptions.Positive("--signal", $"Norm α of a signal. Default: {PlantedPoints.Inside} times leverage's boundary.", LargestNorm, "ALPHA");

    private readonly Option<double?> _noise = NumberOptions.Between("--noise", "Standard deviation σ of the noise in each coordinate. Default: 1.", 0, LargestNorm, "SIGMA");
    private readonly Option<double?> _overlap = NumberOptions.Between("--overlap", "Cosine between any two directions. Default: 0, orthonormal.", 0, 0.9999, "COSINE");
    private readonly Option<double?> _normSpread = NumberOptions.Between("--norm-spread", "All norms are multiplied by e^(S·g), g standard normal. Default: 0.", 0, 2, "S");
    private readonly Option<bool> _rotary = new("--rotary") { Description = "Turn the keys by their positions as a rotary embedding does." };
    private readonly Option<int?> _select = NumberOptions.Whole("--select", "Keys s that a scorer selects. Default: r·m, as many as signal keys.", 1, "S", MostKeys);
    private readonly Option<int?> _clusters = NumberOptions.Whole("--clusters", "Clusters k. Default: d + 1, at most s/2.", 1, "K", MostKeys);

    /// <summary>The options to add to a command.</summary>
    public IEnumerable<Option> All => [_directions, _keysPerDirection, _signal, _noise, _overlap, _normSpread, _rotary, _select, _clusters];

    /// <summary>The point that was asked for; null: none.</summary>
    public CustomPoint? Read(ParseResult parsed)
    {
        var point = new CustomPoint
        {
            Directions = parsed.GetValue(_directions),
            KeysPerDirection = parsed.GetValue(_keysPerDirection),
            Signal = parsed.GetValue(_signal),
            Noise = parsed.GetValue(_noise),
            Overlap = parsed.GetValue(_overlap),
            NormSpread = parsed.GetValue(_normSpread),
            Rotary = parsed.GetValue(_rotary),
            Selected = parsed.GetValue(_select),
            Clusters = parsed.GetValue(_clusters),
        };
        return point == new CustomPoint() ? null : point;
    }
}
