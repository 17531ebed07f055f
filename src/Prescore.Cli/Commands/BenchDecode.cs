using Prescore.Attention.Contracts;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Experiments.Decode;
using Prescore.Experiments.Reports;
using Prescore.Models.Formats;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore bench --decode</c>: tokens a second by method and length, beside what reading memory allows.</summary>
internal static class BenchDecode
{
    public const string DefaultLengths = "2k,7936";

    public static readonly string[] DefaultMethods = ["exact", "window:w=1024", "prescored:scorer=kmeans,s=1024,inner=exact", "clustered:error=0.1"];

    public static int Run(
        ToolContext context, string model, string text, IReadOnlyList<MethodRequest> methods, int[] lengths, int tokens, AttentionOptions options, string? json)
    {
        using TextInput input = TextInputs.Open(context, text);
        using var benchmark = new DecodeBenchmark(model, input, lengths, tokens, options, context.CancellationToken);
        var rows = new List<DecodeRow>();
        try
        {
            using var progress = new ProgressLine(context);
            foreach (DecodeRow row in benchmark.Run(methods, progress, context.CancellationToken))
            {
                rows.Add(row);
            }
        }
        finally
        {
            // An interrupted run still shows its finished rows.
            Print(context, rows, tokens, options.Threads);
        }
        if (json is not null)
        {
            OutputFiles.WriteJson(json, benchmark.Report(rows));
        }
        return ExitCodes.Done;
    }

    private static void Print(ToolContext context, List<DecodeRow> rows, int tokens, int threads)
    {
        if (rows.Count == 0)
        {
            return;
        }
        context.Out.WriteLine($"{tokens} tokens after each context, one at a time; {threads} threads");
        Table table = Tables.Create(context, "method", "n", "tokens/s", "time", "attention", "budget", "reads", "memory", "share");
        foreach (DecodeRow row in rows)
        {
            table.AddPlainRow(
                row.Method,
                Numbers.Count(row.N),
                Numbers.Fixed(row.TokensPerSecond, 1),
                Numbers.Seconds(row.Seconds),
                Numbers.Seconds(row.AttentionSeconds),
                Numbers.Fixed(row.Budget, 3),
                Numbers.Bytes(row.WeightBytes + row.CacheBytes),
                Numbers.Bytes((long)row.BytesPerSecond) + "/s",
                Numbers.Percent(row.Share));
        }
        Tables.Write(context, table);
        context.Out.WriteLine("reads: weights, and the keys and values that the budget stands for; share: of the speed at which as much memory is read");
    }
}
