using System.CommandLine;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Experiments.Planted;
using Prescore.Experiments.Plots;
using Prescore.Experiments.Reports;
using Prescore.Scoring;
using Prescore.Specs;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore study planted</c>: do clustering and leverage recover the same heavy keys?</summary>
internal static class StudyPlantedCommand
{
    private const int DefaultSeeds = 200;
    private const int DefaultKeys = 10_000;
    private static readonly int[] Dimensions = [16, 64];

    private static readonly string HelpNotes = $"""
        n keys of size d, of which d directions have 8 signal keys each and the rest is noise; a scorer's top 8·d are compared
        with the signal keys, over seeds. Shown are recovered keys in percent, and in brackets the share of seeds in which all
        of them and no others were selected. "signal x" has x times the norm from which on leverage must recover all
        (docs/planted.md); "inside both" {PlantedStudy.Inside} times the one from which on clustering must too. The rows below break one
        assumption each, from there, and "at {PlantedStudy.SignalName(PlantedStudy.Inside)}" from inside leverage's condition alone. --phases adds phase diagrams (noise ×
        cosine between directions, n × d) to the JSON and the report.

        Scorers: {string.Join(", ", KeyScorers.Names)}

        Examples:
          prescore study planted
          prescore study planted --seeds 20 --scorers kmeans leverage --plot recovery.png
          prescore study planted --points "inside both" --scorers kmeans kmedian leverage ridge
        """;

    public static Command Create(ToolContext context)
    {
        var scorers = new Option<string[]>("--scorers")
        {
            Description = "Scorers to compare. Default: " + string.Join(" ", PlantedStudy.DefaultScorers) + ".",
            HelpName = "NAME",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<int?> seeds = NumberOptions.Whole("--seeds", $"Draws of every point. Default: {DefaultSeeds}.", 1, maximum: 100_000);
        Option<int?> keys = NumberOptions.Whole("--keys", $"Number n of keys. Default: {DefaultKeys}.", 1_000, maximum: 1_000_000);
        var points = new Option<string[]>("--points")
        {
            Description = "Run these points alone, such as \"inside both\" and \"signal 1.2\". Default: all.",
            HelpName = "NAME",
            AllowMultipleArgumentsPerToken = true,
        };
        var phases = new Option<bool>("--phases") { Description = "Make phase diagrams too, a tenth of the draws a cell." };
        Option<int?> threads = RunOptions.Threads();
        Option<string?> json = RunOptions.Json("recovery at every point");
        Option<string?> plot = PathOptions.Output("--plot", $"Draw recovery against the signal, d = {Dimensions[^1]}, as a PNG file.");
        var command = new ToolCommand("planted", "Planted heavy keys: which scorers recover them, and from which signal on.", HelpNotes)
        {
            scorers, seeds, keys, points, phases, threads, json, plot,
        };
        command.SetAction(parsed =>
        {
            IReadOnlyList<string> names = parsed.GetValue(scorers) is { Length: > 0 } chosen ? chosen : PlantedStudy.DefaultScorers;
            string? unknown = names.FirstOrDefault(name => !KeyScorers.Names.Contains(name));
            if (unknown is not null)
            {
                throw MethodSpecException.Unknown("scorer", unknown, KeyScorers.Names);
            }
            string[] wanted = parsed.GetValue(points) ?? [];
            if (wanted.FirstOrDefault(name => !PlantedStudy.PointNames.Contains(name)) is string wrong)
            {
                throw new BadInputException(UnknownName.Describe("point", wrong, [.. PlantedStudy.PointNames]));
            }
            var study = new PlantedStudy(
                names, parsed.GetValue(seeds) ?? DefaultSeeds, parsed.GetValue(keys) ?? DefaultKeys, Dimensions, parsed.GetValue(threads) ?? Environment.ProcessorCount);
            PlantedReport report;
            using (var progress = new ProgressLine(context))
            {
                report = study.Run(wanted, parsed.GetValue(phases), progress, context.CancellationToken);
            }
            Print(context, report);
            OutputFiles.WriteJson(parsed.GetValue(json), report);
            OutputFiles.WriteBytes(parsed.GetValue(plot), () => RecoveryPlot.Render(report, Dimensions[^1]));
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Print(ToolContext context, PlantedReport report)
    {
        context.Out.WriteLine($"n = {Numbers.Count(report.Keys)} keys, {report.Seeds} seeds: signal keys recovered in % (exactly, in % of seeds)");
        foreach (IGrouping<int, PlantedRow> size in report.Points.GroupBy(row => row.Dimension))
        {
            Table table = Tables.Create(context, [$"d = {size.Key}", .. report.Scorers]);
            foreach (PlantedRow row in size)
            {
                table.AddPlainRow([row.Name, .. row.Scorers.Select(scorer => $"{Numbers.Fixed(100 * scorer.Recall, 0)} ({Numbers.Fixed(100 * scorer.Exact, 0)})")]);
            }
            Tables.Write(context, table);
        }
    }
}
