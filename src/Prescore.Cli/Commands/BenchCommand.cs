using System.CommandLine;
using Prescore.Attention.Contracts;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Experiments.Decode;
using Prescore.Experiments.Layers;
using Prescore.Experiments.Plots;
using Prescore.Experiments.Reports;
using Prescore.Kernels;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore bench</c>: one attention layer, methods side by side, against length.</summary>
internal static class BenchCommand
{
    private const string DefaultLengths = "1k,2k,4k,8k,16k,32k";

    private static readonly string[] DefaultMethods =
    [
        "exact",
        "window:w=1024",
        "hyper",
        "prescored:scorer=kmeans,s=1024,inner=exact",
        "prescored:scorer=leverage,s=1024,inner=exact",
        "prescored:scorer=random,s=1024,inner=exact",
        "prescored:scorer=kmeans,s=1024,inner=hyper",
        "clustered:error=0.1",
    ];

    private static readonly string HelpNotes = $$"""
        Times are added over the layers and each method's outputs are compared with exact's in the same run:
        relative error = sqrt(sum of squared differences / sum of squares of exact's outputs).
        Index is the share of the time that goes into scores, selection, hashing and indices.
        GFLOP/s counts the products that the method computes, 2(d + d_v) operations each.
        Captured data beyond the trained context has YaRN positions of factor n / trained context; each such length is a
        run of the model. Its layers below the captured ones attend exactly up to 32k tokens, and with clustered:error=0.1
        beyond, where exact takes the better part of an hour; --capture-with SPEC changes that. 32k takes minutes.
        Runs of a second and more are timed once. The embedded text has about 75k tokens; name a longer --text for 128k.

        {{MethodHelp.Grammar()}}
        Examples:
          prescore bench
          prescore bench --lengths 1k,2k,...,16k --methods window:w=512 prescored:scorer=norm,s=512
          prescore bench --lengths 64k,128k --text book.txt --methods clustered:error=0.1
          prescore bench --budget 0.1 --methods window hyper --lengths 8k
          prescore bench --decode --lengths 2k,4k --methods window:w=512 clustered:error=0.1
          prescore bench --data captured.safetensors --lengths 4k --json bench.json --plot bench.png
        """;

    public static Command Create(ToolContext context)
    {
        Option<string[]> methods = RunOptions.Methods("Methods to compare; exact is always run.");
        var lengths = new Option<string?>("--lengths")
        {
            Description = $"Lengths n, rising; k stands for 1,024 and dots go on with the last ratio. Default: {DefaultLengths}, with --decode {BenchDecode.DefaultLengths}.",
            HelpName = "1k,2k,...",
        };
        var data = new LayerDataOptions("layers 4, 12 and 20");
        Option<double?> budget = RunOptions.Budget("Solve the size of methods without one for this budget, at each length.");
        var decode = new Option<bool>("--decode")
        {
            Description = "Time a model's next tokens instead, one at a time after contexts of the lengths, beside the speed of memory.",
        };
        Option<int?> tokens = NumberOptions.Whole(
            "--tokens", $"With --decode: tokens after each context. Default: {DecodeBenchmark.DefaultTokens}, a whole block of queries.", minimum: 1);
        Option<int?> threads = RunOptions.Threads();
        Option<ulong?> seed = RunOptions.Seed();
        Option<string?> json = RunOptions.Json("rows and slopes");
        Option<string?> plot = RunOptions.Plot("time against length");
        var command = new ToolCommand("bench", "Time one attention layer against length, methods side by side.", HelpNotes)
        {
            methods, lengths, decode, tokens, budget, threads, seed, json, plot,
        };
        data.AddTo(command);
        command.SetAction(parsed =>
        {
            AttentionOptions options = RunOptions.Attention(parsed.GetValue(threads), parsed.GetValue(seed));
            bool decodes = parsed.GetValue(decode);
            IReadOnlyList<MethodRequest> requests = MethodRequest.Parse(
                parsed.GetValue(methods) is { Length: > 0 } specs ? specs : decodes ? BenchDecode.DefaultMethods : DefaultMethods, parsed.GetValue(budget));
            int[] wanted = LengthList.Parse(parsed.GetValue(lengths) ?? (decodes ? BenchDecode.DefaultLengths : DefaultLengths));
            if (decodes)
            {
                if (data.IsOfLayers(parsed) || parsed.GetValue(plot) is not null || parsed.GetValue(budget) is not null)
                {
                    throw new BadInputException("--decode runs whole models: --data, --capture-with, --budget and --plot do not go with it");
                }
                return BenchDecode.Run(
                    context, data.Model(parsed) ?? EmbeddedFiles.Model, data.Text(parsed) ?? EmbeddedFiles.Text, requests, wanted,
                    parsed.GetValue(tokens) ?? DecodeBenchmark.DefaultTokens, options, parsed.GetValue(json));
            }
            if (parsed.GetValue(tokens) is not null)
            {
                throw new BadInputException("--tokens goes with --decode");
            }
            ILayerSource source = data.Open(context, parsed, layers: null, wanted, options);
            return Run(context, source, requests, wanted, options, parsed.GetValue(json), parsed.GetValue(plot));
        });
        return command;
    }

    private static int Run(
        ToolContext context,
        ILayerSource source,
        IReadOnlyList<MethodRequest> requests,
        int[] lengths,
        AttentionOptions options,
        string? json,
        string? plot)
    {
        double peak = FmaPeak.MeasureGigaflops(options.Threads, options.Simd);
        BenchReport Report(IReadOnlyList<BenchRow> rows) => new()
        {
            Threads = options.Threads,
            PeakGflops = peak,
            Data = source.Description,
            Rows = rows,
            Slopes = LayerBenchmark.Slopes(rows),
        };

        List<BenchRow> rows = LongRun.Rows(
            context,
            progress => new LayerBenchmark(source, requests, options).Run(lengths, progress, context.CancellationToken),
            finished => Print(context, Report(finished), requests));
        BenchReport report = Report(rows);
        OutputFiles.WriteJson(json, report);
        OutputFiles.WriteBytes(plot, () => TimePlot.Render(report));
        return ExitCodes.Done;
    }

    private static void Print(ToolContext context, BenchReport report, IReadOnlyList<MethodRequest> requests)
    {
        if (report.Rows.Count == 0)
        {
            return;
        }
        context.Out.WriteLine(
            $"{report.Data}; {report.Threads} threads, FMA peak {Numbers.Fixed(report.PeakGflops, 0)} GFLOP/s");
        Table table = Tables.Create(context, "method", "n", "time", "GFLOP/s", "budget", "relative error", "index", "speed-up");
        bool missed = false;
        foreach (BenchRow row in report.Rows)
        {
            double? wanted = requests.First(request => request.Text == row.Method).Budget;
            bool misses = wanted is double budget && !BudgetSolver.Meets(row.Budget, budget);
            missed |= misses;
            table.AddPlainRow(
                row.Method,
                Numbers.Count(row.N),
                Numbers.Seconds(row.Seconds),
                Numbers.Fixed(row.Gflops, 1),
                Numbers.Fixed(row.Budget, 3) + (misses ? "*" : ""),
                Numbers.Fixed(row.RelativeError, 4),
                row.IndexShare > 0 ? Numbers.Percent(row.IndexShare) : "",
                Numbers.Factor(row.Speedup));
        }
        Tables.Write(context, table);
        if (missed)
        {
            context.Out.WriteLine(Footnotes.MissedBudget);
        }
        if (report.Slopes.Count > 0)
        {
            context.Out.WriteLine("time grows as n to the power of: "
                + string.Join(", ", report.Slopes.Select(slope => $"{slope.Key} {Numbers.Fixed(slope.Value, 2)}")));
        }
    }
}
