namespace Prescore.Experiments.Planted;

/// <summary>
/// The points of the study that have names: the signal's norm in the model, then each assumption broken, inside both conditions
/// and inside leverage's alone.
/// </summary>
public static class PlantedPoints
{
    /// <summary>The multiple of a boundary that counts as inside its condition.</summary>
    public const double Inside = 1.2;

    /// <summary>Name of the point inside both conditions.</summary>
    public const string InsideName = "inside both";

    /// <summary>Signals as multiples of the boundary that the picture is drawn at.</summary>
    private static readonly double[] Multiples = [0.2, 0.4, 0.6, 0.8, 1, 1.2, 2, 4, 8];

    /// <summary>Names of all points, in the order they are run.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. All(keys: 10_000, dimension: 16).Select(point => point.Name)];

    /// <summary>Name of the point whose signal is a multiple of leverage's boundary.</summary>
    public static string SignalName(double multiple) => FormattableString.Invariant($"signal {multiple}");

    /// <summary>Whether a point varies the signal alone.</summary>
    public static bool VariesSignal(string name) => name.StartsWith("signal ", StringComparison.Ordinal);

    /// <summary>The points of one size of keys that can be drawn: at least half of the keys are noise, and there is a boundary.</summary>
    /// <param name="keys">Number n of keys.</param>
    /// <param name="dimension">Size d of a key.</param>
    internal static IEnumerable<(string Name, PlantedModel Model)> Of(int keys, int dimension) =>
        All(keys, dimension).Where(point => 2 * point.Model.SignalKeys <= keys && double.IsFinite(point.Model.Signal) && (dimension % 2 == 0 || !point.Model.Rotary));

    private static IEnumerable<(string Name, PlantedModel Model)> All(int keys, int dimension)
    {
        var model = new PlantedModel { Keys = keys, Dimension = dimension, Signal = 0 };
        foreach (double multiple in Multiples)
        {
            yield return (SignalName(multiple), model with { Signal = multiple * model.Boundary });
        }
        PlantedModel inside = model with { Signal = Inside * model.ClusteringBoundary };
        yield return (InsideName, inside);
        foreach ((string where, PlantedModel whole) in new[] { ("", inside), (" at " + SignalName(Inside), model with { Signal = Inside * model.Boundary }) })
        {
            foreach (double overlap in (double[])[0.5, 0.9])
            {
                yield return (FormattableString.Invariant($"overlap {overlap}{where}"), whole with { Overlap = overlap });
            }
            foreach (double spread in (double[])[0.2, 0.5])
            {
                yield return (FormattableString.Invariant($"norm spread {spread}{where}"), whole with { NormSpread = spread });
            }
            foreach (int copies in (int[])[32, 64])
            {
                yield return ($"keys a direction {copies}{where}", whole with { KeysPerDirection = copies });
            }
            yield return ($"rotary{where}", whole with { Rotary = true });
        }
    }
}
