using System.CommandLine;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Experiments.Planted;
using Prescore.Experiments.Plots;
using Prescore.Experiments.Reports;
using Prescore.Scoring;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore study planted</c>: do clustering and leverage recover the same heavy keys?</summary>
internal static class StudyPlantedCommand
{
    private const int LargestDimension = 1024;

    private static readonly PlantedSettings Defaults = new();

    private static readonly string HelpNotes = $"""
        n keys of size d, of which d directions have 8 signal keys each and the rest is noise; a scorer's top 8·d are compared
        with the signal keys, over seeds. Shown are recovered keys in percent, and in brackets the share of seeds in which all
        of them and no others were selected. "signal x" has x times the norm from which on leverage must recover all
        (docs/planted.md); "{PlantedPoints.InsideName}" {PlantedPoints.Inside} times the one from which on clustering must too. The rows below break one
        assumption each, from there, and "at {PlantedPoints.SignalName(PlantedPoints.Inside)}" from inside leverage's condition alone. --phases adds phase diagrams (noise ×
        cosine between directions, n × d) to the JSON and the report.

        Any of the options from --directions to --clusters makes a point "{CustomPoint.Name}" with these parameters, run instead of
        the named points, or beside those of --points. Where a scorer selects more or fewer keys than there are signal keys,
        the share of the selected ones that are signal keys stands in a row of its own.

        --resume FILE keeps finished points: the same command goes on where it was stopped, and other points, keys and
        scorers may be added to the same file.

        Scorers: {string.Join(", ", KeyScorers.NamesForKeys)}

        Examples:
          prescore study planted
          prescore study planted --seeds 20 --scorers kmeans leverage --plot recovery.png
          prescore study planted --points "{PlantedPoints.InsideName}" --scorers kmeans kmedian leverage ridge
          prescore study planted --dimensions 32 --directions 4 --keys-per-direction 16 --signal 40 --overlap 0.3 --clusters 8
          prescore study planted --phases --resume points.jsonl --json planted.json
        """;

    public static Command Create(ToolContext context)
    {
        var scorers = new Option<string[]>("--scorers")
        {
            Description = "Scorers to compare. Default: " + string.Join(" ", Defaults.Scorers) + ".",
            HelpName = "NAME",
            AllowMultipleArgumentsPerToken = true,
        };
        Option<int?> seeds = NumberOptions.Whole("--seeds", $"Draws of every point. Default: {Defaults.Seeds}.", 1, maximum: 100_000);
        Option<ulong?> seed = NumberOptions.Whole("--seed", "Seed of the first draw. Default: 0.", minimum: 0UL);
        Option<int?> keys = NumberOptions.Whole("--keys", $"Number n of keys. Default: {Defaults.Keys}.", 2, maximum: 1_000_000);
        var dimensions = new Option<int[]>("--dimensions")
        {
            Description = $"Sizes d of keys. Default: {string.Join(' ', Defaults.Dimensions)}.",
            HelpName = "D",
            AllowMultipleArgumentsPerToken = true,
        };
        var points = new Option<string[]>("--points")
        {
            Description = "Run these points alone, such as \"inside both\" and \"signal 1.2\". Default: all.",
            HelpName = "NAME",
            AllowMultipleArgumentsPerToken = true,
        };
        var custom = new PlantedPointOptions();
        var phases = new Option<bool>("--phases") { Description = "Make phase diagrams too, a tenth of the draws a cell." };
        Option<int?> threads = RunOptions.Threads();
        Option<string?> resume = PathOptions.Output("--resume", "Keep finished points in this file and go on from those in it.");
        Option<string?> json = RunOptions.Json("recovery at every point");
        Option<string?> plot = PathOptions.Output("--plot", "Draw recovery against the signal, of the last size of keys, as a PNG file.");
        var command = new ToolCommand("planted", "Planted heavy keys: which scorers recover them, and from which signal on.", HelpNotes)
        {
            scorers, seeds, seed, keys, dimensions, points,
        };
        foreach (Option option in (IEnumerable<Option>)[.. custom.All, phases, threads, resume, json, plot])
        {
            command.Add(option);
        }
        command.SetAction(parsed =>
        {
            PlantedSettings settings = Defaults with
            {
                Scorers = parsed.GetValue(scorers) is { Length: > 0 } chosen ? chosen : Defaults.Scorers,
                Seeds = parsed.GetValue(seeds) ?? Defaults.Seeds,
                FirstSeed = parsed.GetValue(seed) ?? 0,
                Keys = parsed.GetValue(keys) ?? Defaults.Keys,
                Dimensions = Sizes(parsed.GetValue(dimensions)),
                Points = parsed.GetValue(points) ?? [],
                Custom = custom.Read(parsed),
                Phases = parsed.GetValue(phases),
                StatePath = parsed.GetValue(resume),
            };
            var study = new PlantedStudy(settings, parsed.GetValue(threads) ?? Environment.ProcessorCount);
            string? picture = parsed.GetValue(plot);
            if (picture is not null && !study.VariesSignal(settings.Dimensions[^1]))
            {
                throw new BadInputException($"--plot draws the points \"signal …\", and none of them is run with keys of size {settings.Dimensions[^1]}");
            }
            List<PlantedRow> rows = LongRun.Rows(
                context, progress => study.Run(progress, context.CancellationToken), finished => Print(context, study.Report(finished)));
            PlantedReport report = study.Report(rows);
            OutputFiles.WriteJson(parsed.GetValue(json), report);
            OutputFiles.WriteBytes(picture, () => RecoveryPlot.Render(report, settings.Dimensions[^1]));
            return ExitCodes.Done;
        });
        return command;
    }

    private static IReadOnlyList<int> Sizes(int[]? wanted)
    {
        if (wanted is not { Length: > 0 })
        {
            return Defaults.Dimensions;
        }
        return wanted.All(size => size is >= 1 and <= LargestDimension)
            ? [.. wanted.Distinct()]
            : throw new BadInputException($"--dimensions must be whole numbers from 1 to {LargestDimension}, not {wanted.First(size => size is < 1 or > LargestDimension)}");
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
                if (row.Model?.Selected != row.SignalKeys)
                {
                    table.AddPlainRow(["  of the selected", .. row.Scorers.Select(scorer => Numbers.Fixed(100 * scorer.Precision, 0))]);
                }
            }
            Tables.Write(context, table);
            if (size.FirstOrDefault(row => row.Name == CustomPoint.Name) is { Model: { } model } custom)
            {
                context.Out.WriteLine(Described(model, custom));
            }
        }
    }

    /// <summary>The parameters of a point of one's own, and the conditions it may be in.</summary>
    private static string Described(PlantedModel model, PlantedRow row)
    {
        string Boundary(double? norm) => norm is double known ? Numbers.Short(known) : "none";
        return $"{CustomPoint.Name}: {model.Directions} directions of {model.KeysPerDirection} keys, signal {Numbers.Short(model.Signal)}, noise {Numbers.Short(model.Noise)}, cosine {Numbers.Short(model.Overlap)}, "
            + $"norm spread {Numbers.Short(model.NormSpread)}{(model.Rotary ? ", rotary" : "")}, {model.Selected} selected; boundary of leverage {Boundary(row.Boundary)}, of clustering {Boundary(row.ClusteringBoundary)}";
    }
}
