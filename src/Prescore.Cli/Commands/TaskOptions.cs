using System.CommandLine;
using Prescore.Attention.Contracts;
using Prescore.Cli.Options;
using Prescore.Cli.Rendering;
using Prescore.Experiments;
using Prescore.Experiments.Plots;
using Prescore.Experiments.Reports;
using Prescore.Experiments.Tasks;
using Prescore.Models.Formats;
using Spectre.Console;

namespace Prescore.Cli.Commands;

/// <summary>What <c>prescore needle</c> and <c>prescore study tasks</c> have in common: options, run and table.</summary>
/// <param name="defaultMethods">Methods where none are named.</param>
/// <param name="defaultLengths">Lengths where none are named.</param>
/// <param name="defaultPassages">Passages where no number is given.</param>
internal sealed class TaskOptions(string[] defaultMethods, string defaultLengths, int defaultPassages)
{
    private const int DefaultDepths = 8;

    private readonly Option<string?> _model = RunOptions.Model();
    private readonly Option<string?> _text = RunOptions.Text();
    private readonly Option<string> _lengths = new("--lengths")
    {
        Description = $"Tokens of the passages. Default: {defaultLengths}.",
        HelpName = "N,N,...",
        DefaultValueFactory = _ => defaultLengths,
    };

    private readonly Option<int?> _depths = NumberOptions.Whole("--depths", $"Facts a passage, evenly spaced. Default: {DefaultDepths}.", minimum: 1);
    private readonly Option<int?> _passages = NumberOptions.Whole("--passages", $"Passages a task and length. Default: {defaultPassages}.", minimum: 1);
    private readonly Option<string[]> _methods = RunOptions.Methods($"Methods to compare; exact is always run. Default: {string.Join(' ', defaultMethods)}.");
    private readonly Option<double?> _budget = RunOptions.Budget("Budget of the methods without an explicit size. Default: their own sizes.");
    private readonly Option<string?> _rope = RunOptions.Rope();
    private readonly Option<bool> _allowLong = RunOptions.AllowLong();
    private readonly Option<int?> _threads = RunOptions.Threads();
    private readonly Option<ulong?> _seed = RunOptions.Seed();
    private readonly Option<string?> _resume = PathOptions.Output("--resume", "Keep finished trials in this file and go on from those in it.");
    private readonly Option<string?> _json = RunOptions.Json("all figures");
    private readonly Option<string?> _plot = RunOptions.Plot("heat maps over lengths and depths");

    /// <summary>All of them, for the command.</summary>
    public IEnumerable<Option> All => [_model, _text, _lengths, _depths, _passages, _methods, _budget, _rope, _allowLong, _threads, _seed, _resume, _json, _plot];

    /// <summary>Runs tasks as the options say.</summary>
    public int Run(ToolContext context, ParseResult parsed, IReadOnlyList<string> tasks)
    {
        IReadOnlyList<MethodRequest> requests = MethodRequest.Parse(
            parsed.GetValue(_methods) is { Length: > 0 } specs ? specs : defaultMethods, parsed.GetValue(_budget));
        using TextInput input = TextInputs.Open(context, parsed.GetValue(_text) ?? EmbeddedFiles.Text);
        var settings = new TaskSettings
        {
            ModelPath = parsed.GetValue(_model) ?? EmbeddedFiles.Model,
            Text = input,
            Tasks = tasks,
            Lengths = LengthList.Parse(parsed.GetValue(_lengths)!),
            Depths = parsed.GetValue(_depths) ?? DefaultDepths,
            Passages = parsed.GetValue(_passages) ?? defaultPassages,
            Rope = RunOptions.Scaling(parsed.GetValue(_rope)),
            AllowLong = parsed.GetValue(_allowLong),
            StatePath = parsed.GetValue(_resume),
        };
        AttentionOptions options = RunOptions.Attention(parsed.GetValue(_threads), parsed.GetValue(_seed));
        using TaskStudy study = TaskStudy.Prepare(settings, options, context.CancellationToken);
        List<TaskTrial> trials = LongRun.Rows(
            context, progress => study.Run(requests, progress, context.CancellationToken), finished => Print(context, study.Report(requests, finished)));
        TaskReport report = study.Report(requests, trials);
        OutputFiles.WriteJson(parsed.GetValue(_json), report);
        OutputFiles.WriteBytes(parsed.GetValue(_plot), () => TaskPlot.Render(report));
        return ExitCodes.Done;
    }

    private static void Print(ToolContext context, TaskReport report)
    {
        context.Out.WriteLine(
            $"{report.Model.File} on {report.Text.File}: {report.Depths} facts a passage, up to {report.Passages} passages a task and length");
        foreach (TaskRow task in report.Tasks)
        {
            Table table = Tables.Create(
                context, [task.Task, "questions", "found", "greedy", "points to exact", "exact alone", "method alone", .. report.Lengths.Select(length => $"at {length}"), "budget at the longest"]);
            foreach (TaskMethodRow row in task.Methods.Where(row => row.Trials > 0))
            {
                bool isExact = row == task.Methods[0];
                string error = row.DifferenceSe is double se ? $" ± {Numbers.Fixed(100 * se, 2)}" : "";
                table.AddPlainRow([
                    row.Name,
                    Numbers.Count(row.Trials),
                    Numbers.Percent(row.Accuracy),
                    Numbers.Percent(row.GreedyAccuracy),
                    isExact ? "" : Numbers.Signed(100 * row.Difference, 2) + error,
                    isExact ? "" : Numbers.Count(row.ExactOnly),
                    isExact ? "" : Numbers.Count(row.MethodOnly),
                    .. report.Lengths.Select(length => double.IsNaN(row.AccuracyAt(length)) ? "" : Numbers.Percent(row.AccuracyAt(length))),
                    Numbers.Fixed(row.Cells.Where(cell => cell.Length == row.Cells.Max(other => other.Length)).Average(cell => cell.Budget), 3),
                ]);
            }
            Tables.Write(context, table);
        }
    }
}
