using System.Globalization;
using Prescore.Experiments.Reports;
using Prescore.Kernels;
using Prescore.Models.Families;
using Prescore.Numerics;
using Prescore.Scoring;

namespace Prescore.Experiments.Planted;

/// <summary>
/// How often scorers recover the signal keys of the planted-subspace model, over seeds, in it and beyond its assumptions. Every
/// finished point is kept, so that an interrupted study loses none.
/// </summary>
public sealed class PlantedStudy
{
    private readonly PlantedSettings _settings;
    private readonly int _threads;
    private readonly PlantedCell[] _points;
    private readonly IReadOnlyList<PhaseGrid> _phases;
    private readonly ResumableRows<PlantedRow> _file;

    /// <summary>Plans a study.</summary>
    /// <param name="settings">What to draw and compare.</param>
    /// <param name="threads">Number of threads.</param>
    /// <exception cref="BadInputException">An unknown point, parameters that do not go together, or a file of another study.</exception>
    /// <exception cref="Specs.MethodSpecException">An unknown scorer, or one that asks for more than keys.</exception>
    public PlantedStudy(PlantedSettings settings, int threads)
    {
        foreach (string scorer in settings.Scorers)
        {
            KeyScorers.CreateForKeys(scorer);
        }
        if (settings.Points.FirstOrDefault(name => !PlantedPoints.Names.Contains(name)) is string wrong)
        {
            throw new BadInputException(Specs.UnknownName.Describe("point", wrong, [.. PlantedPoints.Names]));
        }
        (_settings, _threads) = (settings, threads);
        _points = [.. settings.Dimensions.SelectMany(Points)];
        if (_points.Length == 0)
        {
            throw new BadInputException($"none of the points can be drawn with {settings.Keys} keys: d directions of 8 signal keys each must be at most half of them");
        }
        long bytes = sizeof(float) * (long)settings.Keys * settings.Dimensions.Max() * Math.Min(threads, settings.Seeds);
        new MemoryEstimate(0, bytes, bytes).Require(MemoryEstimate.Available(), "use fewer or smaller keys, or fewer threads");
        _phases = settings.Phases ? PhaseGrid.All(settings.Keys, settings.Dimensions[0], Math.Max(1, settings.Seeds / 10)) : [];
        _file = new ResumableRows<PlantedRow>(settings.StatePath, string.Create(CultureInfo.InvariantCulture, $"planted 1; first seed {settings.FirstSeed}"));
    }

    /// <summary>Whether some points of a size of keys vary the signal alone, so that they can be drawn.</summary>
    public bool VariesSignal(int dimension) => _points.Any(point => point.Model.Dimension == dimension && PlantedPoints.VariesSignal(point.Name));

    /// <summary>Runs every point, then every cell of the phase diagrams; finished ones come without being run again.</summary>
    /// <param name="progress">Told what is being done; null: nobody.</param>
    /// <param name="cancellationToken">Stops between draws; what came until then is kept in the file.</param>
    public IEnumerable<PlantedRow> Run(IProgress<StudyProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        PlantedCell[] cells = [.. _points, .. _phases.SelectMany(phase => phase.Cells)];
        double all = cells.Sum(cell => cell.Work), done = 0;
        foreach (PlantedCell cell in cells)
        {
            progress?.Report(new StudyProgress(done / all, $"{cell.Name}, d = {cell.Model.Dimension}"));
            PlantedRow? row = _file.Finished.FirstOrDefault(row => row.IsOf(cell.Model, cell.Seeds, _settings.Scorers));
            if (row is null)
            {
                row = Measure(cell, cancellationToken);
                _file.Append(row);
            }
            yield return row with { Name = cell.Name };
            done += cell.Work;
        }
    }

    /// <summary>The whole result, or of an interrupted run the points and diagrams that are finished.</summary>
    /// <param name="rows">Rows of <see cref="Run"/>, in its order.</param>
    public PlantedReport Report(IReadOnlyList<PlantedRow> rows)
    {
        var phases = new List<PhaseDiagram>();
        int first = _points.Length;
        foreach (PhaseGrid phase in _phases.TakeWhile(phase => first + phase.Cells.Count <= rows.Count))
        {
            phases.Add(phase.Diagram(_settings.Scorers, rows.Skip(first).Take(phase.Cells.Count)));
            first += phase.Cells.Count;
        }
        return new PlantedReport
        {
            Keys = _settings.Keys,
            Seeds = _settings.Seeds,
            FirstSeed = _settings.FirstSeed,
            Threads = _threads,
            Scorers = _settings.Scorers,
            Points = [.. rows.Take(_points.Length)],
            Phases = phases,
        };
    }

    private IEnumerable<PlantedCell> Points(int dimension)
    {
        bool all = _settings.Points.Count == 0 && _settings.Custom is null;
        foreach ((string name, PlantedModel model) in PlantedPoints.Of(_settings.Keys, dimension).Where(point => all || _settings.Points.Contains(point.Name)))
        {
            yield return new PlantedCell(name, model.WrittenOut, _settings.Seeds);
        }
        if (_settings.Custom is CustomPoint custom)
        {
            yield return new PlantedCell(CustomPoint.Name, custom.At(_settings.Keys, dimension).WrittenOut, _settings.Seeds);
        }
    }

    private PlantedRow Measure(PlantedCell cell, CancellationToken cancellationToken)
    {
        PlantedModel model = cell.Model;
        IReadOnlyList<string> scorers = _settings.Scorers;
        var found = new int[cell.Seeds, scorers.Count];
        var shared = new int[cell.Seeds, scorers.Count];
        Parallel.For(0, cell.Seeds, new ParallelOptions { MaxDegreeOfParallelism = _threads, CancellationToken = cancellationToken }, draw =>
        {
            ulong seed = _settings.FirstSeed + (ulong)draw;
            float[] drawn = model.Draw(seed, out int[] signal);
            int[] leverage = Select("leverage", model, drawn, seed);
            for (int i = 0; i < scorers.Count; i++)
            {
                int[] selected = scorers[i] == "leverage" ? leverage : Select(scorers[i], model, drawn, seed);
                found[draw, i] = selected.Intersect(signal).Count();
                shared[draw, i] = selected.Intersect(leverage).Count();
            }
        });
        return new PlantedRow
        {
            Name = cell.Name,
            Dimension = model.Dimension,
            Signal = model.Signal,
            Boundary = double.IsFinite(model.Boundary) ? model.Boundary : null,
            ClusteringBoundary = double.IsFinite(model.ClusteringBoundary) ? model.ClusteringBoundary : null,
            SignalKeys = model.SignalKeys,
            Model = model,
            Seeds = cell.Seeds,
            Scorers = [.. scorers.Select((scorer, i) => Row(scorer, model, Column(found, i), Column(shared, i)))],
        };
    }

    private static RecoveryRow Row(string scorer, PlantedModel model, int[] found, int[] shared) => new()
    {
        Scorer = scorer,
        Exact = found.Average(count => count == Math.Min(model.Selected, model.SignalKeys) ? 1.0 : 0),
        Recall = found.Average(count => (double)count / model.SignalKeys),
        Precision = found.Average(count => (double)count / model.Selected),
        AgreementWithLeverage = shared.Average(count => (double)count / model.Selected),
    };

    private static int[] Select(string name, PlantedModel model, float[] drawn, ulong seed)
    {
        var matrix = new KeyMatrix { Values = drawn, Count = model.Keys, Dimension = model.Dimension };
        var scores = new float[model.Keys];
        using IFittedScorer fitted = KeyScorers.CreateForKeys(name)
            .Fit(matrix, new ScoringContext(seed, 0, 0, 0, model.Selected, SimdPaths.Best) { Clusters = model.Clusters });
        fitted.Score(matrix, 0, scores);
        var selected = new int[model.Selected];
        TopSelection.Select(scores, selected.Length, selected);
        return selected;
    }

    private static int[] Column(int[,] values, int column) => [.. Enumerable.Range(0, values.GetLength(0)).Select(draw => values[draw, column])];
}
