using System.CommandLine;
using System.Globalization;
using Prescore.Attention.Contracts;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Experiments.Plots;
using Prescore.Experiments.Reports;
using Prescore.Kernels;
using Prescore.Models.Formats;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore perplexity</c>: what each attention method costs and loses on a model and a text.</summary>
internal static class PerplexityCommand
{
    private const double DefaultBudget = 0.25;

    private static readonly string[] DefaultMethods =
    [
        "exact",
        "window",
        "hyper",
        "prescored:scorer=kmeans,inner=exact",
        "prescored:scorer=leverage,inner=exact",
        "prescored:scorer=random,inner=exact",
        "prescored:scorer=kmeans,inner=hyper",
        "prescored:scorer=leverage,inner=hyper",
        "prescored:scorer=random,inner=hyper",
    ];

    /// <summary>Clustered finds its own budget, unless the user wants one: then it spends that.</summary>
    private static string[] WithClustered(double? budget) => [.. DefaultMethods, budget is null ? "clustered:error=0.1" : "clustered"];

    private static readonly string HelpNotes = $$"""
        The first context tokens of the text (or --windows K of them, one after the other) run through the model once a
        method, all layers with that attention. Targets before --skip are context alone. Budget = query-key products
        computed / exact's; --budget solves each method's own size for it (window w, prescored s, hyper sample), and an
        explicit size wins. 'clustered:error=E' finds its own budget instead; plain 'clustered' spends a --budget that you give.
        Loss is paired with exact's, its standard error from means over blocks of 64 tokens.

        {{MethodHelp.Grammar()}}
        Examples:
          prescore perplexity
          prescore perplexity --plot quality.png --json quality.json
          prescore perplexity --context 8192 --budget 0.15 --methods window prescored:scorer=kmeans,inner=exact
          prescore perplexity --methods clustered:error=0.05 clustered:error=0.2 --context 8192 --report heads.png
          prescore perplexity --methods window:w=512 hyper:block=128,sample=128,min=512
          prescore perplexity --model mine.gguf --text book.txt --context 16384 --rope yarn:factor=2
        """;

    public static Command Create(ToolContext context)
    {
        Option<string?> model = RunOptions.Model();
        Option<string?> text = RunOptions.Text();
        Option<int?> length = NumberOptions.Whole(
            "--context", $"Tokens a window. Default: {PerplexitySettings.DefaultContext}, or the whole text where it is shorter.", minimum: 2);
        Option<int?> windows = NumberOptions.Whole("--windows", "Windows of the text, one after the other. Default: 1.", minimum: 1, "K");
        Option<double?> budget = RunOptions.Budget(
            string.Create(CultureInfo.InvariantCulture, $"Budget of the methods without an explicit size. Default: {DefaultBudget}, but for clustered a target error of 0.1."));
        Option<string[]> methods = RunOptions.Methods("Methods to compare; exact is always run. Default: the baselines, pre-scored and clustered attention.");
        Option<int?> skip = NumberOptions.Whole(
            "--skip", $"Leave targets at positions below N unscored. Default: {PerplexitySettings.DefaultSkip}.", minimum: 0);
        Option<string?> rope = RunOptions.Rope();
        Option<bool> allowLong = RunOptions.AllowLong();
        Option<ActivationPrecision> activations = RunOptions.Activations();
        Option<int?> threads = RunOptions.Threads();
        Option<ulong?> seed = RunOptions.Seed();
        Option<string?> json = RunOptions.Json("all figures");
        Option<string?> plot = RunOptions.Plot("quality against budget");
        Option<string?> heatMap = PathOptions.Output(
            "--report", "Draw the certified errors of every head (measured estimates, not bounds) as heat maps over layers × heads, a PNG file; one row a clustered method.");
        var command = new ToolCommand("perplexity", "Compare attention methods on a language model and a text.", HelpNotes)
        {
            model, text, length, windows, budget, methods, skip, rope, allowLong, activations, threads, seed, json, plot, heatMap,
        };
        command.SetAction(parsed =>
        {
            double? wanted = parsed.GetValue(budget);
            IReadOnlyList<MethodRequest> requests = MethodRequest.Parse(
                parsed.GetValue(methods) is { Length: > 0 } specs ? specs : WithClustered(wanted), wanted, DefaultBudget);
            if (parsed.GetValue(heatMap) is not null && !requests.Any(request => request.Attention is ICertifiedAttention))
            {
                throw new BadInputException("--report draws certified errors (measured estimates, not bounds), but no method certifies any; add clustered:error=0.1 to --methods");
            }
            using TextInput input = TextInputs.Open(context, parsed.GetValue(text) ?? EmbeddedFiles.Text);
            var settings = new PerplexitySettings
            {
                ModelPath = parsed.GetValue(model) ?? EmbeddedFiles.Model,
                Text = input,
                Context = parsed.GetValue(length),
                Windows = parsed.GetValue(windows) ?? 1,
                Skip = parsed.GetValue(skip),
                Rope = RunOptions.Scaling(parsed.GetValue(rope)),
                AllowLong = parsed.GetValue(allowLong),
                Activations = parsed.GetValue(activations),
            };
            AttentionOptions options = RunOptions.Attention(parsed.GetValue(threads), parsed.GetValue(seed));
            var files = new Files(parsed.GetValue(json), parsed.GetValue(plot), parsed.GetValue(heatMap));
            return Run(context, settings, requests, options, files);
        });
        return command;
    }

    private static int Run(
        ToolContext context,
        PerplexitySettings settings,
        IReadOnlyList<MethodRequest> requests,
        AttentionOptions options,
        Files files)
    {
        using PerplexityStudy study = PerplexityStudy.Prepare(settings, options, context.CancellationToken);
        List<PerplexityRow> rows = LongRun.Rows(
            context, progress => study.Run(requests, progress, context.CancellationToken), finished => Print(context, settings, study, requests, finished));
        if ((files.Json ?? files.Plot ?? files.Report) is not null)
        {
            PerplexityReport report = study.Report(rows);
            OutputFiles.WriteJson(files.Json, report);
            OutputFiles.WriteBytes(files.Plot, () => QualityPlot.Render(report));
            OutputFiles.WriteBytes(files.Report, () => CertificatePlot.Render(report));
        }
        return ExitCodes.Done;
    }

    private static void Print(
        ToolContext context, PerplexitySettings settings, PerplexityStudy study, IReadOnlyList<MethodRequest> requests, IReadOnlyList<PerplexityRow> rows)
    {
        if (rows.Count == 0)
        {
            return;
        }
        context.Out.WriteLine(
            $"{Path.GetFileName(settings.ModelPath)} on {settings.Text.Name}: context {study.Context}, "
            + $"{study.TokensScored} targets from position {study.Skip} on; {study.Threads} threads");
        Table table = Tables.Create(
            context, "method", "budget", "perplexity", "ΔNLL ± error", "KL", "same top", "attention", "speed-up");
        bool missed = false;
        for (int i = 0; i < rows.Count; i++)
        {
            PerplexityRow row = rows[i];
            bool misses = requests[i].Budget is double wanted && !BudgetSolver.Meets(row.Budget, wanted);
            missed |= misses;
            string error = row.DeltaNllSe is double se ? $" ± {Numbers.Fixed(se, 4)}" : "";
            bool isExact = i == 0;
            table.AddPlainRow(
                row.Name,
                Numbers.Fixed(row.Budget, 3) + (misses ? "*" : ""),
                Numbers.Fixed(row.Perplexity, 3),
                isExact ? "" : Numbers.Signed(row.DeltaNll, 4) + error,
                isExact ? "" : Numbers.Fixed(row.Kl, 4),
                isExact ? "" : Numbers.Percent(row.Top1),
                Numbers.Seconds(row.AttentionSeconds),
                Numbers.Factor(row.Speedup));
        }
        Tables.Write(context, table);
        if (missed)
        {
            context.Out.WriteLine(Footnotes.MissedBudget);
        }
        foreach (PerplexityRow row in rows)
        {
            if (row.Certificate is CertificateReport certificate)
            {
                context.Out.WriteLine(CertificateLine.Of(row.Name, certificate));
            }
        }
    }

    /// <summary>Files to write; null: not wanted.</summary>
    private sealed record Files(string? Json, string? Plot, string? Report);
}
