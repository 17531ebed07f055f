using Prescore.Experiments.Needle;

namespace Prescore.Experiments.Reports;

/// <summary>Result of <c>prescore needle</c>; <c>docs/json.md</c> describes every field.</summary>
public sealed record NeedleReport
{
    public int SchemaVersion { get; init; } = 1;

    public required FileIdentity Model { get; init; }

    public required FileIdentity Text { get; init; }

    public required IReadOnlyList<int> Lengths { get; init; }

    public required int Depths { get; init; }

    public required int Haystacks { get; init; }

    public required ulong Seed { get; init; }

    public required int Threads { get; init; }

    public required IReadOnlyList<NeedleMethodRow> Methods { get; init; }
}

/// <summary>What one method found.</summary>
public sealed record NeedleMethodRow
{
    public required string Name { get; init; }

    public required string Spec { get; init; }

    public required int Trials { get; init; }

    /// <summary>Share of the needles that was found.</summary>
    public required double Accuracy { get; init; }

    /// <summary>Share of the needles whose answer is the likeliest of the whole vocabulary.</summary>
    public required double GreedyAccuracy { get; init; }

    /// <summary>Accuracy less exact's, over the trials that both ran.</summary>
    public required double Difference { get; init; }

    /// <summary>Standard error of the difference, from the pairs that differ; null where there is no pair.</summary>
    public required double? DifferenceSe { get; init; }

    /// <summary>Needles that exact alone found.</summary>
    public required int ExactOnly { get; init; }

    /// <summary>Needles that this method alone found.</summary>
    public required int MethodOnly { get; init; }

    public required IReadOnlyList<NeedleCell> Cells { get; init; }

    /// <summary>Counts what a method found.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="spec">Its spec.</param>
    /// <param name="exact">The spec of exact.</param>
    /// <param name="trials">Trials of all methods.</param>
    public static NeedleMethodRow Of(string name, string spec, string exact, IReadOnlyList<NeedleTrial> trials)
    {
        NeedleTrial[] own = [.. trials.Where(trial => trial.Spec == spec)];
        var reference = trials.Where(trial => trial.Spec == exact).ToDictionary(trial => (trial.Length, trial.Haystack, trial.Depth), trial => trial.Found);
        int[] differences =
        [
            .. own.Where(trial => reference.ContainsKey((trial.Length, trial.Haystack, trial.Depth)))
                .Select(trial => (trial.Found ? 1 : 0) - (reference[(trial.Length, trial.Haystack, trial.Depth)] ? 1 : 0)),
        ];
        double mean = differences.Length == 0 ? 0 : differences.Average();
        return new NeedleMethodRow
        {
            Name = name,
            Spec = spec,
            Trials = own.Length,
            Accuracy = own.Length == 0 ? 0 : own.Count(trial => trial.Found) / (double)own.Length,
            GreedyAccuracy = own.Length == 0 ? 0 : own.Count(trial => trial.Greedy) / (double)own.Length,
            Difference = mean,
            DifferenceSe = differences.Length < 2 ? null
                : Math.Sqrt(differences.Sum(difference => (difference - mean) * (difference - mean)) / (differences.Length - 1) / differences.Length),
            ExactOnly = differences.Count(difference => difference < 0),
            MethodOnly = differences.Count(difference => difference > 0),
            Cells =
            [
                .. own.GroupBy(trial => (trial.Length, trial.Depth)).OrderBy(cell => cell.Key).Select(cell => new NeedleCell(
                    cell.Key.Length, cell.Key.Depth, cell.Count(), cell.Count(trial => trial.Found), cell.Average(trial => trial.LogLikelihood), cell.Average(trial => trial.Budget))),
            ],
        };
    }
}

/// <summary>Needles at one length and depth.</summary>
/// <param name="Length">Tokens of the haystack.</param>
/// <param name="Depth">Place of the needle, 0 at the beginning.</param>
/// <param name="Trials">Needles.</param>
/// <param name="Found">Of these, how many were found.</param>
/// <param name="LogLikelihood">Mean ln p of the answer, nats.</param>
/// <param name="Budget">Mean interactions of the prefill ÷ exact's.</param>
public sealed record NeedleCell(int Length, int Depth, int Trials, int Found, double LogLikelihood, double Budget);
