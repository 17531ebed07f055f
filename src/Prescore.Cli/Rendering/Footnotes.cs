using System.Globalization;
using Prescore.Experiments;

namespace Prescore.Cli.Rendering;

/// <summary>Lines below tables.</summary>
internal static class Footnotes
{
    /// <summary>What a star behind a budget means.</summary>
    public static string MissedBudget { get; } = string.Create(
        CultureInfo.InvariantCulture,
        $"* no size of this method comes within {BudgetSolver.Tolerance} of the wanted budget; this is the nearest");
}
