using System.CommandLine;
using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Experiments.Layers;
using Prescore.Experiments.Reports;
using Prescore.Models.Formats.Safetensors;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore attend</c>: one method on a user's own queries, keys and values, against exact.</summary>
internal static class AttendCommand
{
    private static readonly string HelpNotes = $$"""
        FILE holds q [h_q,n_q,d], k [h_kv,n_k,d] and v [h_kv,n_k,d_v] of any float type; h_q is a multiple of h_kv.
        The queries stand at the last n_q positions. --out writes o [h_q,n_q,d_v] and lse [h_q,n_q] (F32).

        {{MethodHelp.Grammar()}}
        Examples:
          prescore attend captured.safetensors --method prescored:scorer=kmeans,s=256 --causal
          prescore attend captured.safetensors --method hyper --budget 0.2 --out attended.safetensors
        """;

    public static Command Create(ToolContext context)
    {
        Argument<string> file = PathOptions.InputArgument("FILE", "A .safetensors file with q, k and v.");
        var method = new Option<string>("--method") { Description = "The method.", HelpName = "SPEC", Required = true };
        var causal = new Option<bool>("--causal") { Description = "A query sees only keys at its own and earlier positions." };
        Option<double?> budget = RunOptions.Budget("Solve the method's size for this budget, unless the method gives one.");
        Option<int?> threads = RunOptions.Threads();
        Option<ulong?> seed = RunOptions.Seed();
        Option<string?> output = PathOptions.Output("--out", "Write outputs and log-sum-exp as .safetensors.");
        Option<string?> json = RunOptions.Json("budget, seconds and errors");
        var command = new ToolCommand("attend", "Run one method on captured queries, keys and values.", HelpNotes)
        {
            file, method, causal, budget, threads, seed, output, json,
        };
        command.SetAction(parsed =>
        {
            MethodRequest request = MethodRequest.Parse([parsed.GetValue(method)!], parsed.GetValue(budget))[^1];
            string path = parsed.GetValue(file)!;
            LayerTensors layer = LayerFile.Read(path);
            bool isCausal = parsed.GetValue(causal);
            if (isCausal && layer.Shape.Queries > layer.Shape.Keys)
            {
                throw new BadInputException(
                    $"{Path.GetFileName(path)}: causal attention needs a key for each query, here {layer.Shape.Queries} queries and {layer.Shape.Keys} keys");
            }
            AttentionOptions options = RunOptions.Attention(parsed.GetValue(threads), parsed.GetValue(seed));
            return Run(context, path, layer, request, isCausal, options, parsed.GetValue(output), parsed.GetValue(json));
        });
        return command;
    }

    private static int Run(
        ToolContext context,
        string path,
        LayerTensors layer,
        MethodRequest request,
        bool causal,
        AttentionOptions options,
        string? output,
        string? json)
    {
        IAttention method = request.Resolve(layer.Shape, causal);
        LayerRun exact = LayerRun.Of(new ExactAttention(), layer, causal, options, context.CancellationToken);
        LayerRun run = LayerRun.Of(method, layer, causal, options, context.CancellationToken);
        RelativeError[] errors = RelativeError.ByHead(run.Output, exact.Output, layer.Shape);
        var report = new AttendReport
        {
            Data = FileIdentity.Of(path),
            Method = method.Spec,
            Causal = causal,
            Seed = options.Seed,
            Threads = options.Threads,
            Budget = run.Report.Budget,
            Interactions = run.Report.Interactions,
            Screened = run.Report.Screened,
            IndexProducts = run.Report.IndexProducts,
            Seconds = run.Report.Seconds,
            ExactSeconds = exact.Report.Seconds,
            RelativeError = errors.Aggregate((sum, error) => sum + error).Value,
            RelativeErrorByHead = [.. errors.Select(error => error.Value)],
        };
        Print(context, layer.Shape, report, request.Budget);
        if (output is not null)
        {
            Save(output, layer.Shape, run);
        }
        OutputFiles.WriteJson(json, report);
        return ExitCodes.Done;
    }

    private static void Print(ToolContext context, AttentionShape shape, AttendReport report, double? wanted)
    {
        bool misses = wanted is double budget && !BudgetSolver.Meets(report.Budget, budget);
        context.Out.WriteLine(
            $"{report.Data.File}: {shape.QueryHeads} query heads, {shape.KeyValueHeads} key/value heads, "
            + $"{shape.Queries} queries, {shape.Keys} keys, d = {shape.HeadDimension}{(report.Causal ? ", causal" : "")}");
        Table table = Tables.Create(context, "method", "budget", "relative error", "worst head", "time", "exact's time");
        table.AddPlainRow(
            report.Method,
            Numbers.Fixed(report.Budget, 3) + (misses ? "*" : ""),
            Numbers.Scientific(report.RelativeError),
            Numbers.Scientific(report.RelativeErrorByHead.Max()),
            Numbers.Seconds(report.Seconds),
            Numbers.Seconds(report.ExactSeconds));
        Tables.Write(context, table);
        if (misses)
        {
            context.Out.WriteLine(Footnotes.MissedBudget);
        }
    }

    private static void Save(string path, AttentionShape shape, LayerRun run)
    {
        var writer = new SafetensorsWriter();
        writer.Add("o", run.Output, shape.QueryHeads, shape.Queries, shape.ValueDimension);
        writer.Add("lse", run.LogSumExp, shape.QueryHeads, shape.Queries);
        writer.Save(path);
    }
}
