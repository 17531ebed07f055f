using System.CommandLine;
using Prescore.Attention.Contracts;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments.Layers;
using Prescore.Experiments.Plots;
using Prescore.Experiments.Reports;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore study layer</c>: what exactness costs by each method, on one layer, against length.</summary>
internal static class StudyLayerCommand
{
    private const int ShortestLength = 1024;

    private const int DefaultLongest = 8192;

    /// <summary>A middle layer of the embedded model.</summary>
    private const int DefaultLayer = 12;

    private static readonly string HelpNotes = $"""
        Each method runs at several settings of the option that its cost depends on, from cheap to exact; its outputs are
        compared with exact's of the same run. Between two settings time and error are interpolated, both logarithmic: the
        last table is the speed-up over exact at equal relative error, '-' where no setting reaches the error. A sweep ends
        with the first setting that reaches {EqualError.Targets[0]} or takes half as long again as exact.

        Lengths are {ShortestLength}, doubled up to --max-length. Those beyond the trained context have YaRN positions, each is
        a run of the model. 8k takes about two minutes on two cores, 32k twenty, 128k hours. --resume FILE keeps
        finished points: the same command goes on where it was stopped, with other --methods too. Cache is what a
        sequence takes with all tokens, keys, values and index.

        Methods: {string.Join(", ", MethodSweep.All.Select(sweep => sweep.Name))}

        Examples:
          prescore study layer
          prescore study layer --max-length 32k --resume points.jsonl --json layer.json --plot layer.png
          prescore study layer --max-length 64k --methods clustered quoka --text book.txt --without-libtorch
        """;

    public static Command Create(ToolContext context)
    {
        var longest = new Option<string?>("--max-length")
        {
            Description = "Longest length; k stands for 1,024. Default: 8k.",
            HelpName = "N",
        };
        Option<string[]> methods = RunOptions.Methods("Methods to compare with exact, by name. Default: all.");
        Option<int?> layer = NumberOptions.Whole("--layer", $"Layer to capture, counted from 0. Default: {DefaultLayer}.", 0);
        var data = new LayerDataOptions($"layer {DefaultLayer}");
        var withoutTorch = new Option<bool>("--without-libtorch") { Description = "Do not time libtorch's exact attention." };
        Option<int?> threads = RunOptions.Threads();
        Option<ulong?> seed = RunOptions.Seed();
        Option<string?> resume = PathOptions.Output("--resume", "Keep finished points in this file and go on from those in it.");
        Option<string?> json = RunOptions.Json("points, equal-error times, crossovers and slopes");
        Option<string?> plot = RunOptions.Plot("speed-up against error at the longest length");
        var command = new ToolCommand("layer", "One layer: time, memory and error of all methods, and their speed-up at equal error.", HelpNotes)
        {
            longest, methods, layer, withoutTorch, threads, seed, resume, json, plot,
        };
        data.AddTo(command);
        command.SetAction(parsed =>
        {
            AttentionOptions options = RunOptions.Attention(parsed.GetValue(threads), parsed.GetValue(seed));
            int[] lengths = Lengths(parsed.GetValue(longest) is string text ? LengthList.ParseOne("--max-length", text) : DefaultLongest);
            ILayerSource source = data.Open(context, parsed, [parsed.GetValue(layer) ?? DefaultLayer], lengths, options);
            var settings = new LayerStudySettings { Lengths = lengths, StatePath = parsed.GetValue(resume) };
            if (parsed.GetValue(methods) is { Length: > 0 } names)
            {
                settings = settings with { Methods = names };
            }
            LibTorchLayer? torch = parsed.GetValue(withoutTorch) ? null : LibTorchLayer.TryCreate();
            if (torch is null && !parsed.GetValue(withoutTorch))
            {
                context.Error.WriteLine("libtorch does not load on this system: the study goes without it");
            }
            return Run(context, new LayerStudy(source, settings, options, torch), parsed.GetValue(json), parsed.GetValue(plot));
        });
        return command;
    }

    private static int[] Lengths(int longest)
    {
        var lengths = new List<int>();
        for (long n = ShortestLength; n < longest; n *= 2)
        {
            lengths.Add((int)n);
        }
        return [.. lengths, longest];
    }

    private static int Run(ToolContext context, LayerStudy study, string? json, string? plot)
    {
        List<LayerStudyPoint> points = LongRun.Rows(
            context, progress => study.Run(progress, context.CancellationToken), finished => Print(context, study.Report(finished)));
        LayerStudyReport report = study.Report(points);
        OutputFiles.WriteJson(json, report);
        OutputFiles.WriteBytes(plot, () => EqualErrorPlot.Render(report));
        return ExitCodes.Done;
    }

    private static void Print(ToolContext context, LayerStudyReport report)
    {
        if (report.Points.Count == 0)
        {
            return;
        }
        context.Out.WriteLine($"{report.Data}; {report.Threads} threads" + (report.Peer is null ? "" : $"; {report.Peer}"));
        Table points = Tables.Create(context, "method", "n", "time", "budget", "relative error", "speed-up", "cache");
        foreach (LayerStudyPoint point in report.Points)
        {
            points.AddPlainRow(
                point.Spec,
                Numbers.Count(point.N),
                Numbers.Seconds(point.Seconds),
                Numbers.Fixed(point.Budget, 3),
                Numbers.Fixed(point.RelativeError, 4),
                Numbers.Factor(point.ExactSeconds / point.Seconds),
                point.CacheBytes is long bytes ? Numbers.Bytes(bytes) : "");
        }
        Tables.Write(context, points);
        PrintEqualError(context, report);
    }

    private static void PrintEqualError(ToolContext context, LayerStudyReport report)
    {
        foreach (IGrouping<int, EqualErrorRow> length in report.EqualError.GroupBy(row => row.N))
        {
            Table table = Tables.Create(
                context, [$"speed-up, n = {Numbers.Count(length.Key)}", .. EqualError.Targets.Select(target => "error " + Numbers.Short(target)), "least error"]);
            foreach (IGrouping<string, EqualErrorRow> method in length.GroupBy(row => row.Method))
            {
                table.AddPlainRow([
                    method.Key,
                    .. method.Select(row => row.Speedup is double factor ? Numbers.Factor(factor) : "-"),
                    Numbers.Fixed(method.First().LeastError, 4)]);
            }
            Tables.Write(context, table);
        }
        foreach (double target in EqualError.Targets)
        {
            context.Out.WriteLine($"faster than exact at error {Numbers.Short(target)} from: "
                + string.Join(", ", report.Crossovers.Where(row => row.Error == target).Select(row => $"{row.Method} {Where(row)}")));
        }
        if (report.Slopes.Count > 0)
        {
            context.Out.WriteLine("time grows as n to the power of: " + string.Join(", ", report.Slopes.Select(slope =>
                $"{slope.Method}{(slope.Error is double error ? $" at {Numbers.Short(error)}" : "")} {Numbers.Fixed(slope.Exponent, 2)}")));
        }
    }

    private static string Where(CrossoverRow row) =>
        row.N is int n ? Numbers.Count(n) + (row.Note.Length > 0 ? $" ({row.Note})" : "") : row.Note;
}
