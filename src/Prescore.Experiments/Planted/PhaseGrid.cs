using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Planted;

/// <summary>Where recovery breaks over two quantities: the cells to run, and the diagram from their results.</summary>
/// <param name="columns">What the columns vary, and its values.</param>
/// <param name="rows">What the rows vary, and its values.</param>
/// <param name="seeds">Draws a cell.</param>
/// <param name="create">The model of a column's and a row's value.</param>
internal sealed class PhaseGrid((string Name, double[] Values) columns, (string Name, double[] Values) rows, int seeds, Func<double, double, PlantedModel> create)
{
    /// <summary>The cells that can be run, row by row; the others have no boundary to start from, or no room for noise.</summary>
    public IReadOnlyList<PlantedCell> Cells { get; } =
    [
        .. from row in rows.Values
           from column in columns.Values
           let model = create(column, row)
           where CanRun(model)
           select new PlantedCell($"{columns.Name} × {rows.Name}", model.WrittenOut, seeds),
    ];

    /// <summary>Noise × separation and n × d, from 1.2 times leverage's boundary.</summary>
    /// <param name="keys">Number n of keys.</param>
    /// <param name="dimension">Size d of keys in the first.</param>
    /// <param name="seeds">Draws a cell.</param>
    public static IReadOnlyList<PhaseGrid> All(int keys, int dimension, int seeds)
    {
        PlantedModel inside = Inside(keys, dimension);
        return
        [
            new PhaseGrid(
                ("noise", [0.25, 0.5, 0.75, 1, 1.5, 2, 3]),
                ("cosine between directions", [0, 0.3, 0.6, 0.9, 0.97]),
                seeds,
                (noise, overlap) => inside with { Noise = noise, Overlap = overlap }),
            new PhaseGrid(
                ("keys n", [1000, 2000, 5000, 10_000, 20_000]),
                ("size of keys d", [8, 16, 32, 64]),
                seeds,
                (count, size) => Inside((int)count, (int)size)),
        ];
    }

    /// <summary>The diagram.</summary>
    /// <param name="scorers">Names of the scorers.</param>
    /// <param name="results">Results of <see cref="Cells"/>, in their order.</param>
    public PhaseDiagram Diagram(IReadOnlyList<string> scorers, IEnumerable<PlantedRow> results)
    {
        var found = new Queue<PlantedRow>(results);
        var recall = scorers.Select(_ => rows.Values.Select(_ => new double[columns.Values.Length]).ToArray()).ToArray();
        for (int row = 0; row < rows.Values.Length; row++)
        {
            for (int column = 0; column < columns.Values.Length; column++)
            {
                PlantedRow? cell = CanRun(create(columns.Values[column], rows.Values[row])) ? found.Dequeue() : null;
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
            Seeds = seeds,
            Scorers = [.. scorers.Select((scorer, i) => new PhaseScorer(scorer, recall[i]))],
        };
    }

    private static PlantedModel Inside(int keys, int dimension)
    {
        var model = new PlantedModel { Keys = keys, Dimension = dimension, Signal = 0 };
        return model with { Signal = PlantedPoints.Inside * model.Boundary };
    }

    private static bool CanRun(PlantedModel model) => double.IsFinite(model.Signal) && model.SignalKeys < model.Keys;
}
