using Prescore.Experiments.Reports;
using Prescore.Kernels;
using Prescore.Numerics;
using Prescore.Scoring;

namespace Prescore.Experiments.Planted;

/// <summary>How often scorers recover the signal keys of the planted-subspace model, over seeds, in it and beyond its assumptions.</summary>
/// <param name="scorers">Names of the scorers; leverage is always among them.</param>
/// <param name="seeds">Number of seeds a point, at least 1.</param>
/// <param name="keys">Number n of keys.</param>
/// <param name="dimensions">Sizes d of keys.</param>
/// <param name="threads">Number of threads.</param>
public sealed class PlantedStudy(IReadOnlyList<string> scorers, int seeds, int keys, IReadOnlyList<int> dimensions, int threads)
{
    /// <summary>Scorers that are compared where none are named.</summary>
    public static IReadOnlyList<string> DefaultScorers { get; } =
        ["kmeans", "kmedian", "kmeans-far", "leverage", "ridge", "norm", "keydiff", "random"];

    /// <summary>Signals as multiples of the boundary that the picture is drawn at.</summary>
    private static readonly double[] Multiples = [0.2, 0.4, 0.6, 0.8, 1, 1.2, 2, 4, 8];

    /// <summary>The multiple of a boundary that counts as inside its condition.</summary>
    public const double Inside = 1.2;

    /// <summary>Name of the point inside both conditions.</summary>
    public const string InsideName = "inside both";

    /// <summary>Name of the point whose signal is a multiple of leverage's boundary.</summary>
    public static string SignalName(double multiple) => FormattableString.Invariant($"signal {multiple}");

    /// <summary>Runs the study.</summary>
    /// <param name="progress">Told what is being done; null: nobody.</param>
    /// <param name="cancellationToken">Stops between draws.</param>
    public PlantedReport Run(IProgress<StudyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        // Beside signal keys there must be noise.
        (string Name, PlantedModel Model)[] points = [.. Points().Where(point => 2 * point.Model.SignalKeys <= keys)];
        var rows = new List<PlantedRow>();
        foreach ((string name, PlantedModel model) in points)
        {
            progress?.Report(new StudyProgress((double)rows.Count / points.Length, $"{name}, d = {model.Dimension}"));
            rows.Add(Measure(name, model, cancellationToken));
        }
        return new PlantedReport { Keys = keys, Seeds = seeds, Threads = threads, Scorers = scorers, Points = rows };
    }

    /// <summary>The points: the signal's norm in the model, then each assumption broken inside the condition of clustering.</summary>
    private IEnumerable<(string Name, PlantedModel Model)> Points()
    {
        foreach (int dimension in dimensions)
        {
            var model = new PlantedModel { Keys = keys, Dimension = dimension, Signal = 0 };
            foreach (double multiple in Multiples)
            {
                yield return (SignalName(multiple), model with { Signal = multiple * model.Boundary });
            }
            PlantedModel inside = model with { Signal = Inside * model.ClusteringBoundary };
            yield return (InsideName, inside);
            foreach (double overlap in (double[])[0.5, 0.9])
            {
                yield return (FormattableString.Invariant($"overlap {overlap}"), inside with { Overlap = overlap });
            }
            foreach (double spread in (double[])[0.2, 0.5])
            {
                yield return (FormattableString.Invariant($"norm spread {spread}"), inside with { NormSpread = spread });
            }
            foreach (int copies in (int[])[32, 64])
            {
                yield return ($"keys a direction {copies}", inside with { KeysPerDirection = copies });
            }
            yield return ("rotary", inside with { Rotary = true });
        }
    }

    private PlantedRow Measure(string name, PlantedModel model, CancellationToken cancellationToken)
    {
        var recovered = new double[seeds, scorers.Count];
        var agreement = new double[seeds, scorers.Count];
        Parallel.For(0, seeds, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellationToken }, seed =>
        {
            float[] drawn = model.Draw((ulong)seed, out int[] signal);
            int[] leverage = Select("leverage", model, drawn, seed);
            for (int i = 0; i < scorers.Count; i++)
            {
                int[] selected = scorers[i] == "leverage" ? leverage : Select(scorers[i], model, drawn, seed);
                recovered[seed, i] = Shared(selected, signal);
                agreement[seed, i] = Shared(selected, leverage);
            }
        });
        return new PlantedRow
        {
            Name = name,
            Dimension = model.Dimension,
            Signal = model.Signal,
            Boundary = double.IsFinite(model.Boundary) ? model.Boundary : null,
            ClusteringBoundary = double.IsFinite(model.ClusteringBoundary) ? model.ClusteringBoundary : null,
            SignalKeys = model.SignalKeys,
            Scorers = [.. scorers.Select((scorer, i) => Row(scorer, Column(recovered, i), Column(agreement, i)))],
        };
    }

    private static RecoveryRow Row(string scorer, double[] recovered, double[] agreement) => new()
    {
        Scorer = scorer,
        Exact = recovered.Average(part => part == 1 ? 1.0 : 0),
        Recall = recovered.Average(),
        AgreementWithLeverage = agreement.Average(),
    };

    private static int[] Select(string name, PlantedModel model, float[] drawn, int seed)
    {
        var matrix = new KeyMatrix { Values = drawn, Count = model.Keys, Dimension = model.Dimension };
        var scores = new float[model.Keys];
        using IFittedScorer fitted = KeyScorers.CreateForKeys(name)
            .Fit(matrix, new ScoringContext((ulong)seed, 0, 0, 0, model.SignalKeys, SimdPaths.Best));
        fitted.Score(matrix, 0, scores);
        var selected = new int[model.SignalKeys];
        TopSelection.Select(scores, selected.Length, selected);
        return selected;
    }

    /// <summary>Share of the second set, of equal size, that is in the first: precision and recall at once.</summary>
    private static double Shared(int[] selected, int[] wanted) => (double)selected.Intersect(wanted).Count() / wanted.Length;

    private double[] Column(double[,] values, int column) => [.. Enumerable.Range(0, seeds).Select(seed => values[seed, column])];
}
