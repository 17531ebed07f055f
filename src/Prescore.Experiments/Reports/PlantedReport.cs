using Prescore.Experiments.Planted;

namespace Prescore.Experiments.Reports;

/// <summary>Result of <c>prescore study planted</c>.</summary>
public sealed record PlantedReport
{
    public int SchemaVersion { get; init; } = 1;

    /// <summary>Number n of keys.</summary>
    public required int Keys { get; init; }

    /// <summary>Draws of every point, with seeds from <see cref="FirstSeed"/> on.</summary>
    public required int Seeds { get; init; }

    /// <summary>Seed of the first draw.</summary>
    public ulong FirstSeed { get; init; }

    public required int Threads { get; init; }

    public required IReadOnlyList<string> Scorers { get; init; }

    public required IReadOnlyList<PlantedRow> Points { get; init; }

    /// <summary>Where recovery breaks, over two quantities at a time; empty where they were not asked for.</summary>
    public IReadOnlyList<PhaseDiagram> Phases { get; init; } = [];
}

/// <summary>Recovery over two quantities.</summary>
public sealed record PhaseDiagram
{
    /// <summary>What the columns vary.</summary>
    public required string Columns { get; init; }

    public required IReadOnlyList<double> ColumnValues { get; init; }

    /// <summary>What the rows vary.</summary>
    public required string Rows { get; init; }

    public required IReadOnlyList<double> RowValues { get; init; }

    /// <summary>Draws a cell.</summary>
    public required int Seeds { get; init; }

    public required IReadOnlyList<PhaseScorer> Scorers { get; init; }
}

/// <summary>What one scorer recovers.</summary>
/// <param name="Scorer">Its name.</param>
/// <param name="Recall">Mean fraction of signal keys that are selected, [rows][columns]; null where there is no boundary to start from.</param>
public sealed record PhaseScorer(string Scorer, IReadOnlyList<double[]> Recall);

/// <summary>One point of the planted model.</summary>
public sealed record PlantedRow
{
    /// <summary>What the point varies: the signal as a multiple of leverage's boundary, or the assumption that is broken; or <see cref="CustomPoint.Name"/>.</summary>
    public required string Name { get; init; }

    public required int Dimension { get; init; }

    /// <summary>Norm α of a signal.</summary>
    public required double Signal { get; init; }

    /// <summary>α from which on leverage must recover the plant; null: there is none.</summary>
    public required double? Boundary { get; init; }

    /// <summary>α from which on clustering must recover it as well; null: there is none.</summary>
    public required double? ClusteringBoundary { get; init; }

    /// <summary>Number of signal keys.</summary>
    public required int SignalKeys { get; init; }

    /// <summary>All parameters; null in a result of a version that did not write them, whose noise has standard deviation 1 and which selects as many keys as there are signal keys.</summary>
    public PlantedModel? Model { get; init; }

    /// <summary>Draws; 0 in a result of a version that did not write them.</summary>
    public int Seeds { get; init; }

    public required IReadOnlyList<RecoveryRow> Scorers { get; init; }

    /// <summary>Whether this row answers for a model, a number of draws and the scorers.</summary>
    internal bool IsOf(PlantedModel model, int seeds, IEnumerable<string> scorers) =>
        Model == model && Seeds == seeds && Scorers.Select(row => row.Scorer).SequenceEqual(scorers);
}

/// <summary>What one scorer recovered at one point, over seeds.</summary>
public sealed record RecoveryRow
{
    private readonly double? _precision;

    public required string Scorer { get; init; }

    /// <summary>
    /// Fraction of seeds in which the selected keys are just the signal keys; where fewer are selected none but them, and where
    /// more are selected all of them.
    /// </summary>
    public required double Exact { get; init; }

    /// <summary>Mean fraction of signal keys that are selected.</summary>
    public required double Recall { get; init; }

    /// <summary>Mean fraction of selected keys that are signal keys; the same where as many are selected as there are, and where nobody wrote it.</summary>
    public double Precision { get => _precision ?? Recall; init => _precision = value; }

    /// <summary>Mean fraction of leverage's selected keys that this scorer selects too.</summary>
    public required double AgreementWithLeverage { get; init; }
}
