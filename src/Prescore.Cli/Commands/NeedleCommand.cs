using System.CommandLine;
using Prescore.Attention.Contracts;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Experiments.Needle;
using Prescore.Experiments.Plots;
using Prescore.Experiments.Reports;
using Prescore.Models.Formats;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary><c>prescore needle</c>: which facts hidden in a long text each attention method still finds.</summary>
internal static class NeedleCommand
{
    private const string DefaultLengths = "1k,2k,4k,8k";

    private static readonly string[] DefaultMethods = ["exact", "clustered:error=0.05"];

    private static readonly string HelpNotes = $$"""
        A haystack is a part of the text with one needle at every depth: "The secret word of NAME is WORD." The text is read
        once a method; then "The secret word of NAME is" is appended for every NAME and taken back. A needle counts as found
        where its WORD is likelier than those of all other needles (by chance: one of as many as there are depths); greedy:
        likelier than every token. All methods see the same haystacks, so differences are paired. Every haystack is another
        part of the text with names and words of its own, by --seed.

        --resume FILE keeps finished trials: the same command goes on where it was stopped.

        {{MethodHelp.Grammar()}}
        Examples:
          prescore needle --plot needles.png
          prescore needle --text book.txt --lengths 2k,4k,8k --haystacks 20 --resume trials.jsonl --json needles.json
          prescore needle --lengths 16k,32k --rope yarn:factor=4 --methods clustered:error=0.05 window:w=2048
        """;

    public static Command Create(ToolContext context)
    {
        Option<string?> model = RunOptions.Model();
        Option<string?> text = RunOptions.Text();
        var lengths = new Option<string>("--lengths")
        {
            Description = $"Tokens of the haystacks. Default: {DefaultLengths}.",
            HelpName = "N,N,...",
            DefaultValueFactory = _ => DefaultLengths,
        };
        Option<int?> depths = NumberOptions.Whole("--depths", "Needles a haystack, evenly spaced. Default: 16.", minimum: 1);
        Option<int?> haystacks = NumberOptions.Whole("--haystacks", "Haystacks a length. Default: 10.", minimum: 1);
        Option<string[]> methods = RunOptions.Methods("Methods to compare; exact is always run. Default: exact and clustered:error=0.05.");
        Option<double?> budget = RunOptions.Budget("Budget of the methods without an explicit size. Default: their own sizes.");
        Option<string?> rope = RunOptions.Rope();
        Option<bool> allowLong = RunOptions.AllowLong();
        Option<int?> threads = RunOptions.Threads();
        Option<ulong?> seed = RunOptions.Seed();
        Option<string?> resume = PathOptions.Output("--resume", "Keep finished trials in this file and go on from those in it.");
        Option<string?> json = RunOptions.Json("all figures");
        Option<string?> plot = RunOptions.Plot("heat maps over lengths and depths");
        var command = new ToolCommand("needle", "Hide facts in long texts and see which ones each attention method finds.", HelpNotes)
        {
            model, text, lengths, depths, haystacks, methods, budget, rope, allowLong, threads, seed, resume, json, plot,
        };
        command.SetAction(parsed =>
        {
            IReadOnlyList<MethodRequest> requests = MethodRequest.Parse(
                parsed.GetValue(methods) is { Length: > 0 } specs ? specs : DefaultMethods, parsed.GetValue(budget));
            using TextInput input = TextInputs.Open(context, parsed.GetValue(text) ?? EmbeddedFiles.Text);
            var defaults = new NeedleSettings { ModelPath = parsed.GetValue(model) ?? EmbeddedFiles.Model, Text = input };
            NeedleSettings settings = defaults with
            {
                Lengths = LengthList.Parse(parsed.GetValue(lengths)!),
                Depths = parsed.GetValue(depths) ?? defaults.Depths,
                Haystacks = parsed.GetValue(haystacks) ?? defaults.Haystacks,
                Rope = RunOptions.Scaling(parsed.GetValue(rope)),
                AllowLong = parsed.GetValue(allowLong),
                StatePath = parsed.GetValue(resume),
            };
            AttentionOptions options = RunOptions.Attention(parsed.GetValue(threads), parsed.GetValue(seed));
            using NeedleStudy study = NeedleStudy.Prepare(settings, options, context.CancellationToken);
            var trials = new List<NeedleTrial>();
            try
            {
                using var progress = new ProgressLine(context);
                trials.AddRange(study.Run(requests, progress, context.CancellationToken));
            }
            finally
            {
                // An interrupted run still shows what it has.
                Print(context, settings, study.Report(requests, trials));
            }
            NeedleReport report = study.Report(requests, trials);
            OutputFiles.WriteJson(parsed.GetValue(json), report);
            OutputFiles.WriteBytes(parsed.GetValue(plot), () => NeedlePlot.Render(report));
            return ExitCodes.Done;
        });
        return command;
    }

    private static void Print(ToolContext context, NeedleSettings settings, NeedleReport report)
    {
        context.Out.WriteLine(
            $"{Path.GetFileName(settings.ModelPath)} on {settings.Text.Name}: {report.Depths} depths, up to {report.Haystacks} haystacks a length");
        Table table = Tables.Create(
            context, ["method", "needles", "found", "greedy", "points to exact", "exact alone", "method alone", .. report.Lengths.Select(length => $"at {length}"), "budget at the longest"]);
        foreach (NeedleMethodRow row in report.Methods.Where(row => row.Trials > 0))
        {
            bool isExact = row == report.Methods[0];
            string error = row.DifferenceSe is double se ? $" ± {Numbers.Fixed(100 * se, 2)}" : "";
            table.AddPlainRow([
                row.Name,
                Numbers.Count(row.Trials),
                Numbers.Percent(row.Accuracy),
                Numbers.Percent(row.GreedyAccuracy),
                isExact ? "" : Numbers.Signed(100 * row.Difference, 2) + error,
                isExact ? "" : Numbers.Count(row.ExactOnly),
                isExact ? "" : Numbers.Count(row.MethodOnly),
                .. report.Lengths.Select(length => AtLength(row, length)),
                Numbers.Fixed(row.Cells.Where(cell => cell.Length == row.Cells.Max(other => other.Length)).Average(cell => cell.Budget), 3),
            ]);
        }
        Tables.Write(context, table);
    }

    private static string AtLength(NeedleMethodRow row, int length)
    {
        NeedleCell[] cells = [.. row.Cells.Where(cell => cell.Length == length)];
        return cells.Length == 0 ? "" : Numbers.Percent(cells.Sum(cell => cell.Found) / (double)cells.Sum(cell => cell.Trials));
    }
}
