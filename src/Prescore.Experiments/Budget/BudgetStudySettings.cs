namespace Prescore.Experiments.Budget;

/// <summary>What a budget study runs: every method at every budget, on every text, at every length and with every seed.</summary>
public sealed record BudgetStudySettings
{
    /// <summary>Model file.</summary>
    public required string ModelPath { get; init; }

    /// <summary>Text files; each serves the lengths that it has tokens for.</summary>
    public required IReadOnlyList<string> TextPaths { get; init; }

    /// <summary>Tokens of a window, rising; those beyond the trained context have YaRN positions.</summary>
    public IReadOnlyList<int> Lengths { get; init; } = [2048];

    /// <summary>Budgets of the methods whose size is open.</summary>
    public IReadOnlyList<double> Budgets { get; init; } = [0.25];

    /// <summary>Methods; those with an explicit size or target error are run as they are.</summary>
    public IReadOnlyList<string> Methods { get; init; } = BudgetMethods.Few;

    /// <summary>Seeds 0 … <see cref="Seeds"/> − 1 of the methods that draw random numbers.</summary>
    public int Seeds { get; init; } = 1;

    /// <summary>File of finished cells, read at the start and added to; null: none.</summary>
    public string? StatePath { get; init; }
}
