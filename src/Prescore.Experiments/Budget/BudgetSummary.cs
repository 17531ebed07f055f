using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Budget;

/// <summary>What the cells of a budget study say together.</summary>
internal static class BudgetSummary
{
    /// <summary>A row for each length, method and wanted budget: means over texts and seeds.</summary>
    public static IReadOnlyList<BudgetRow> Rows(IReadOnlyList<BudgetCell> cells) =>
    [
        .. cells.GroupBy(cell => (cell.N, cell.Name, cell.WantedBudget)).Select(group => new BudgetRow
        {
            N = group.Key.N,
            Name = group.Key.Name,
            WantedBudget = group.Key.WantedBudget,
            Budget = group.Average(cell => cell.Budget),
            DeltaNll = group.Average(cell => cell.DeltaNll),
            DeltaNllSe = StandardError([.. group]),
            Kl = group.Average(cell => cell.Kl),
            Top1 = group.Average(cell => cell.Top1),
            Cells = group.Count(),
        }).OrderBy(row => row.N),
    ];

    /// <summary>
    /// The paper's comparison: at each budget HyperAttention against HyperAttention behind a scorer, and clustering against
    /// leverage, paired target by target.
    /// </summary>
    public static IReadOnlyList<PaperRow> Paper(IReadOnlyList<BudgetCell> cells) =>
    [
        .. from cell in cells
           where BudgetMethods.Paper.Contains(cell.Name) && cell.WantedBudget is not null
           let same = cells.Where(other => other.TextSha256 == cell.TextSha256 && other.N == cell.N && other.WantedBudget == cell.WantedBudget && other.Seed == cell.Seed)
           let hyper = same.FirstOrDefault(other => other.Name == BudgetMethods.Paper[0])
           let leverage = same.FirstOrDefault(other => other.Name == cell.Name.Replace("kmeans", "leverage", StringComparison.Ordinal))
           select new PaperRow
           {
               Text = cell.Text,
               N = cell.N,
               Seed = cell.Seed,
               Name = cell.Name,
               Budget = cell.Budget,
               ExactPerplexity = Math.Exp(cell.ExactNll),
               Perplexity = Math.Exp(cell.Nll),
               PublishedStyle = Math.Pow(2, cell.Nll),
               AgainstHyper = hyper is null || hyper == cell ? null : Paired(cell, hyper),
               AgainstLeverage = leverage is null || leverage == cell ? null : Paired(cell, leverage),
           },
    ];

    /// <summary>
    /// Error of the mean loss: that of a cell comes from its tokens, which all seeds share, so it shrinks with the number of
    /// texts alone; what seeds scatter comes on top.
    /// </summary>
    private static double StandardError(BudgetCell[] cells)
    {
        BudgetCell[][] byText = [.. cells.GroupBy(cell => cell.TextSha256).Select(group => group.ToArray())];
        double square = byText.Sum(text =>
        {
            double mean = text.Average(cell => cell.DeltaNll), tokens = text.Average(cell => cell.DeltaNllSe * cell.DeltaNllSe);
            double seeds = text.Length < 2 ? 0 : text.Sum(cell => Math.Pow(cell.DeltaNll - mean, 2)) / (text.Length - 1) / text.Length;
            return tokens + seeds;
        });
        return Math.Sqrt(square) / byText.Length;
    }

    /// <summary>Loss of one cell less that of another on the same targets, nats a token.</summary>
    private static PairedLoss? Paired(BudgetCell a, BudgetCell b)
    {
        if (a.BlockSums is not { } first || b.BlockSums is not { } second)
        {
            return null;
        }
        PairedDifference difference = PairedDifference.OfBlocks([.. first.Zip(second, (x, y) => x - y)], a.Targets);
        return new PairedLoss(difference.Mean, difference.StandardError);
    }
}
