using Prescore.Experiments.Tasks;

namespace Prescore.Experiments.Reports;

/// <summary>Result of <c>prescore needle</c> and <c>prescore study tasks</c>; <c>docs/json.md</c> describes every field.</summary>
public sealed record TaskReport
{
    public int SchemaVersion { get; init; } = 1;

    public required FileIdentity Model { get; init; }

    public required FileIdentity Text { get; init; }

    public required IReadOnlyList<int> Lengths { get; init; }

    /// <summary>Facts and questions a passage.</summary>
    public required int Depths { get; init; }

    /// <summary>Passages a task and length that were wanted.</summary>
    public required int Passages { get; init; }

    public required ulong Seed { get; init; }

    public required int Threads { get; init; }

    public required IReadOnlyList<TaskRow> Tasks { get; init; }
}

/// <summary>What the methods found of one task.</summary>
/// <param name="Task">Its name.</param>
/// <param name="Methods">Exact first.</param>
public sealed record TaskRow(string Task, IReadOnlyList<TaskMethodRow> Methods);

/// <summary>What one method found.</summary>
public sealed record TaskMethodRow
{
    public required string Name { get; init; }

    public required string Spec { get; init; }

    public required int Trials { get; init; }

    /// <summary>Share of the answers that are the likeliest of their choices.</summary>
    public required double Accuracy { get; init; }

    /// <summary>Share of the answers that are the likeliest of the whole vocabulary.</summary>
    public required double GreedyAccuracy { get; init; }

    /// <summary>Accuracy less exact's, over the trials that both ran.</summary>
    public required double Difference { get; init; }

    /// <summary>Standard error of the difference, from its sums over passages, whose questions share a prefill; null with fewer than two.</summary>
    public required double? DifferenceSe { get; init; }

    /// <summary>Answers that exact alone found.</summary>
    public required int ExactOnly { get; init; }

    /// <summary>Answers that this method alone found.</summary>
    public required int MethodOnly { get; init; }

    public required IReadOnlyList<TaskCell> Cells { get; init; }

    /// <summary>Counts what a method found.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="spec">Its spec.</param>
    /// <param name="exact">The spec of exact.</param>
    /// <param name="trials">Trials of all methods on one task.</param>
    public static TaskMethodRow Of(string name, string spec, string exact, IReadOnlyList<TaskTrial> trials)
    {
        TaskTrial[] own = [.. trials.Where(trial => trial.Spec == spec)];
        var reference = trials.Where(trial => trial.Spec == exact).ToDictionary(trial => (trial.Length, trial.Passage, trial.Depth), trial => trial.Found);
        TaskTrial[] paired = [.. own.Where(trial => reference.ContainsKey((trial.Length, trial.Passage, trial.Depth)))];
        int Difference(TaskTrial trial) => (trial.Found ? 1 : 0) - (reference[(trial.Length, trial.Passage, trial.Depth)] ? 1 : 0);
        double mean = paired.Length == 0 ? 0 : paired.Average(Difference);
        double[] deviations = [.. paired.GroupBy(trial => (trial.Length, trial.Passage)).Select(passage => passage.Sum(trial => Difference(trial) - mean))];
        return new TaskMethodRow
        {
            Name = name,
            Spec = spec,
            Trials = own.Length,
            Accuracy = own.Length == 0 ? 0 : own.Count(trial => trial.Found) / (double)own.Length,
            GreedyAccuracy = own.Length == 0 ? 0 : own.Count(trial => trial.Greedy) / (double)own.Length,
            Difference = mean,
            DifferenceSe = deviations.Length < 2 ? null
                : Math.Sqrt(deviations.Sum(deviation => deviation * deviation) * deviations.Length / (deviations.Length - 1)) / paired.Length,
            ExactOnly = paired.Count(trial => Difference(trial) < 0),
            MethodOnly = paired.Count(trial => Difference(trial) > 0),
            Cells =
            [
                .. own.GroupBy(trial => (trial.Length, trial.Depth)).OrderBy(cell => cell.Key).Select(cell => new TaskCell(
                    cell.Key.Length, cell.Key.Depth, cell.Count(), cell.Count(trial => trial.Found), cell.Average(trial => trial.LogLikelihood), cell.Average(trial => trial.Budget))),
            ],
        };
    }

    /// <summary>Share of the answers found at one length; NaN without trials.</summary>
    public double AccuracyAt(int length)
    {
        TaskCell[] cells = [.. Cells.Where(cell => cell.Length == length)];
        return cells.Length == 0 ? double.NaN : cells.Sum(cell => cell.Found) / (double)cells.Sum(cell => cell.Trials);
    }
}

/// <summary>Answers at one length and depth.</summary>
/// <param name="Length">Tokens of the passage.</param>
/// <param name="Depth">Which fact is asked for, 0 the one nearest the beginning.</param>
/// <param name="Trials">Questions.</param>
/// <param name="Found">Of these, how many were answered rightly.</param>
/// <param name="LogLikelihood">Mean ln p of the answer, nats.</param>
/// <param name="Budget">Mean interactions of the prefill ÷ exact's.</param>
public sealed record TaskCell(int Length, int Depth, int Trials, int Found, double LogLikelihood, double Budget);
