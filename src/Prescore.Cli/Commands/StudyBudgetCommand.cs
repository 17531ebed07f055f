using System.CommandLine;
using System.Globalization;
using Prescore.Attention.Contracts;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Experiments.Budget;
using Prescore.Experiments.Plots;
using Prescore.Experiments.Reports;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore study budget</c>: what a model loses by each method, against what the method costs.</summary>
internal static class StudyBudgetCommand
{
    private const string DefaultLengths = "2k";

    private const string FullLengths = "2k,4k,8k,16k,32k";

    private static readonly double[] FullBudgets = [0.1, 0.25, 0.5];

    private const int FullSeeds = 3;

    private static readonly string HelpNotes = $$"""
        Every method without an explicit size runs at every budget (query-key products computed / exact's), on every text
        and length, those that draw random numbers with every seed. Loss, KL and the share of equal likeliest tokens are
        against exact; errors are standard errors over tokens, texts and seeds. Lengths beyond the trained context have
        YaRN positions. Targets before 1,024 are context alone.

        The second table is the paper's comparison: HyperAttention alone and behind a scorer, clustering and leverage, at
        equal budgets. Perplexity is e^nats; the column beside it is 2^nats, as the published figures were computed.

        How many cells are to run and about how many hours they take is said before they run. --resume FILE keeps every
        finished cell: the same command goes on where it was stopped, and other methods, texts, lengths and seeds may be
        added to the same file. A text serves the lengths that it has tokens for. --full: {{FullLengths}}, budgets
        {{string.Join(" ", FullBudgets.Select(Numbers.Short))}}, {{FullSeeds}} seeds and every method; '--lengths 128k' runs the published length (of the embedded texts
        Shakespeare has as many).

        {{MethodHelp.Grammar()}}
        Examples:
          prescore study budget
          prescore study budget --texts a.txt b.txt --lengths 2k,4k --budgets 0.1 0.25 --seeds 2 --resume cells.jsonl
          prescore study budget --full --texts a.txt b.txt --resume cells.jsonl --json budget.json --plot budget.png
        """;

    public static Command Create(ToolContext context)
    {
        Option<string?> model = RunOptions.Model();
        PathListOption texts = PathOptions.Texts("--texts", "Text files (UTF-8). Default: the embedded part of War and Peace, and Shakespeare.");
        var lengths = new Option<string?>("--lengths")
        {
            Description = $"Tokens of a window, rising; k stands for 1,024. Default: {DefaultLengths}.",
            HelpName = "2k,4k,...",
        };
        var budgets = new Option<double[]>("--budgets")
        {
            Description = "Budgets of the methods without an explicit size. Default: 0.25.",
            HelpName = "F",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<string[]> methods = RunOptions.Methods("Methods to compare with exact. Default: the paper's and its controls, the rivals and clustered.");
        Option<int?> seeds = NumberOptions.Whole("--seeds", "Seeds of the methods that draw random numbers. Default: 1.", 1, maximum: 1000);
        var full = new Option<bool>("--full") { Description = "Every method at all lengths and budgets: days on two cores." };
        Option<int?> threads = RunOptions.Threads();
        Option<ulong?> seed = RunOptions.Seed();
        Option<string?> resume = PathOptions.Output("--resume", "Keep finished cells in this file and go on from those in it.");
        Option<string?> json = RunOptions.Json("cells, means and the paper's comparison");
        Option<string?> plot = RunOptions.Plot("loss against budget at the longest length");
        var command = new ToolCommand("budget", "A model's loss by every method against what the method costs, over texts and seeds.", HelpNotes)
        {
            model, texts, lengths, budgets, methods, seeds, full, threads, seed, resume, json, plot,
        };
        command.SetAction(parsed =>
        {
            bool all = parsed.GetValue(full);
            double[] wanted = parsed.GetValue(budgets) is { Length: > 0 } some ? some : all ? FullBudgets : [0.25];
            if (wanted.FirstOrDefault(budget => !(budget > 0 && budget <= 1), 1) is var bad && !(bad > 0 && bad <= 1))
            {
                throw new BadInputException(string.Create(CultureInfo.InvariantCulture, $"--budgets: {bad} is no budget; it must be above 0 and at most 1"));
            }
            var settings = new BudgetStudySettings
            {
                ModelPath = parsed.GetValue(model) ?? EmbeddedFiles.Model,
                TextPaths = parsed.GetValue(texts) is { Length: > 0 } paths ? paths : EmbeddedFiles.Texts,
                Lengths = LengthList.Parse(parsed.GetValue(lengths) ?? (all ? FullLengths : DefaultLengths)),
                Budgets = wanted,
                Methods = parsed.GetValue(methods) is { Length: > 0 } specs ? [.. specs.Where(spec => spec != "exact")] : all ? BudgetMethods.All : BudgetMethods.Few,
                Seeds = parsed.GetValue(seeds) ?? (all ? FullSeeds : 1),
                StatePath = parsed.GetValue(resume),
            };
            AttentionOptions options = RunOptions.Attention(parsed.GetValue(threads), parsed.GetValue(seed));
            BudgetStudy study = BudgetStudy.Prepare(settings, options, context.CancellationToken);
            context.Error.WriteLine($"{study.CellsLeft} {(study.CellsLeft == 1 ? "cell" : "cells")} to run, about {Hours(study.HoursLeft)} on two cores");
            return Run(context, study, parsed.GetValue(json), parsed.GetValue(plot));
        });
        return command;
    }

    private static string Hours(double hours) => hours < 1 ? $"{Math.Max(1, Math.Ceiling(60 * hours)):0} minutes" : $"{Numbers.Fixed(hours, 1)} hours";

    private static int Run(ToolContext context, BudgetStudy study, string? json, string? plot)
    {
        List<BudgetCell> cells = LongRun.Rows(
            context, progress => study.Run(progress, context.CancellationToken), finished => Print(context, study.Report(finished)));
        BudgetReport report = study.Report(cells);
        OutputFiles.WriteJson(json, report);
        OutputFiles.WriteBytes(plot, () => BudgetPlot.Render(report));
        return ExitCodes.Done;
    }

    private static void Print(ToolContext context, BudgetReport report)
    {
        foreach (IGrouping<int, BudgetRow> length in report.Rows.GroupBy(row => row.N))
        {
            Table table = Tables.Create(context, $"n = {Numbers.Count(length.Key)}", "budget", "ΔNLL ± error", "KL", "same top", "cells");
            foreach (BudgetRow row in length.OrderBy(row => row.WantedBudget))
            {
                string error = double.IsFinite(row.DeltaNllSe) ? $" ± {Numbers.Fixed(row.DeltaNllSe, 4)}" : "";
                bool misses = row.WantedBudget is double wanted && !BudgetSolver.Meets(row.Budget, wanted);
                table.AddPlainRow(
                    row.Name,
                    Numbers.Fixed(row.Budget, 3) + (misses ? "*" : ""),
                    Numbers.Signed(row.DeltaNll, 4) + error,
                    Numbers.Fixed(row.Kl, 4),
                    Numbers.Percent(row.Top1),
                    Numbers.Count(row.Cells));
            }
            Tables.Write(context, table);
        }
        if (report.Rows.Any(row => row.WantedBudget is double wanted && !BudgetSolver.Meets(row.Budget, wanted)))
        {
            context.Out.WriteLine(Footnotes.MissedBudget);
        }
        PrintPaper(context, report);
    }

    private static void PrintPaper(ToolContext context, BudgetReport report)
    {
        if (report.Paper.Count == 0)
        {
            return;
        }
        Table table = Tables.Create(
            context, "the paper's comparison", "n", "seed", "budget", "exact", "perplexity", "2^nats", "ΔNLL to hyper", "k-means less leverage");
        foreach (PaperRow row in report.Paper)
        {
            table.AddPlainRow(
                $"{row.Name}, {row.Text}",
                Numbers.Count(row.N),
                row.Seed.ToString(CultureInfo.InvariantCulture),
                Numbers.Fixed(row.Budget, 3),
                Numbers.Fixed(row.ExactPerplexity, 2),
                Numbers.Fixed(row.Perplexity, 2),
                Numbers.Fixed(row.PublishedStyle, 2),
                Difference(row.AgainstHyper),
                Difference(row.AgainstLeverage));
        }
        Tables.Write(context, table);
    }

    private static string Difference(PairedLoss? loss) =>
        loss is null ? "" : $"{Numbers.Signed(loss.Mean, 4)} ± {Numbers.Fixed(loss.StandardError, 4)}";
}
