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

    /// <summary>Names of all points, in the order they are run.</summary>
    public static IReadOnlyList<string> PointNames { get; } = [.. Points(new PlantedModel { Keys = 10_000, Dimension = 16, Signal = 0 }).Select(point => point.Name)];

    /// <summary>Runs the study.</summary>
    /// <param name="chosen">Names of the points to run; empty: all.</param>
    /// <param name="phases">Whether the phase diagrams are made too, of a tenth of the seeds.</param>
    /// <param name="progress">Told what is being done; null: nobody.</param>
    /// <param name="cancellationToken">Stops between draws.</param>
    public PlantedReport Run(
        IReadOnlyCollection<string> chosen, bool phases, IProgress<StudyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        // Beside signal keys there must be noise.
        (string Name, PlantedModel Model)[] points =
        [
            .. dimensions.SelectMany(dimension => Points(new PlantedModel { Keys = keys, Dimension = dimension, Signal = 0 }))
                .Where(point => (chosen.Count == 0 || chosen.Contains(point.Name)) && 2 * point.Model.SignalKeys <= keys),
        ];
        var rows = new List<PlantedRow>();
        double share = phases ? 0.7 : 1;
        foreach ((string name, PlantedModel model) in points)
        {
            progress?.Report(new StudyProgress(share * rows.Count / points.Length, $"{name}, d = {model.Dimension}"));
            rows.Add(Measure(name, model, seeds, cancellationToken));
        }
        return new PlantedReport
        {
            Keys = keys,
            Seeds = seeds,
            Threads = threads,
            Scorers = scorers,
            Points = rows,
            Phases = phases ? [.. Phases(new PartialProgress(progress, share, 1 - share), cancellationToken)] : [],
        };
    }

    /// <summary>The points of one size of keys: the signal's norm in the model, then each assumption broken inside both conditions and inside leverage's alone.</summary>
    private static IEnumerable<(string Name, PlantedModel Model)> Points(PlantedModel model)
    {
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

    /// <summary>Where recovery breaks, over two quantities at a time, from 1.2 times leverage's boundary.</summary>
    private IEnumerable<PhaseDiagram> Phases(IProgress<StudyProgress> progress, CancellationToken cancellationToken)
    {
        var model = new PlantedModel { Keys = keys, Dimension = dimensions[0], Signal = 0 };
        PlantedModel inside = model with { Signal = Inside * model.Boundary };
        yield return Phase(
            ("noise", [0.25, 0.5, 0.75, 1, 1.5, 2, 3]),
            ("cosine between directions", [0, 0.3, 0.6, 0.9, 0.97]),
            (noise, overlap) => inside with { Noise = noise, Overlap = overlap },
            new PartialProgress(progress, 0, 0.5),
            cancellationToken);
        yield return Phase(
            ("keys n", [1000, 2000, 5000, 10_000, 20_000]),
            ("size of keys d", [8, 16, 32, 64]),
            (count, dimension) =>
            {
                var sized = new PlantedModel { Keys = (int)count, Dimension = (int)dimension, Signal = 0 };
                return sized with { Signal = Inside * sized.Boundary };
            },
            new PartialProgress(progress, 0.5, 0.5),
            cancellationToken);
    }

    private PhaseDiagram Phase(
        (string Name, double[] Values) columns,
        (string Name, double[] Values) rows,
        Func<double, double, PlantedModel> create,
        IProgress<StudyProgress> progress,
        CancellationToken cancellationToken)
    {
        int draws = Math.Max(1, seeds / 10);
        var recall = scorers.Select(_ => rows.Values.Select(_ => new double[columns.Values.Length]).ToArray()).ToArray();
        for (int row = 0; row < rows.Values.Length; row++)
        {
            progress.Report(new StudyProgress((double)row / rows.Values.Length, $"{columns.Name} × {rows.Name}"));
            for (int column = 0; column < columns.Values.Length; column++)
            {
                PlantedModel model = create(columns.Values[column], rows.Values[row]);
                PlantedRow? cell = double.IsFinite(model.Signal) ? Measure("", model, draws, cancellationToken) : null;
                for (int i = 0; i < scorers.Count; i++)
                {
                    recall[i][row][column] = cell?.Scorers[i].Recall ?? double.NaN;
                }
            }
        }
        return new PhaseDiagram
        {
            Columns = columns.Name,
            ColumnValues = columns.Values,
            Rows = rows.Name,
            RowValues = rows.Values,
            Seeds = draws,
            Scorers = [.. scorers.Select((scorer, i) => new PhaseScorer(scorer, recall[i]))],
        };
    }

    private PlantedRow Measure(string name, PlantedModel model, int draws, CancellationToken cancellationToken)
    {
        var recovered = new double[draws, scorers.Count];
        var agreement = new double[draws, scorers.Count];
        Parallel.For(0, draws, new ParallelOptions { MaxDegreeOfParallelism = threads, CancellationToken = cancellationToken }, seed =>
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

    private static double[] Column(double[,] values, int column) => [.. Enumerable.Range(0, values.GetLength(0)).Select(seed => values[seed, column])];
}
