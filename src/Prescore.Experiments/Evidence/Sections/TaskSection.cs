using System.Xml.Linq;
using Prescore.Experiments.Evidence.Charts;
using Prescore.Experiments.Reports;
using Prescore.Experiments.Tasks;

namespace Prescore.Experiments.Evidence.Sections;

/// <summary>What is found in long texts.</summary>
public sealed class TaskSection : ReportSection<TaskReport>
{
    /// <inheritdoc/>
    public override string Introduction =>
        "Facts are hidden in a long text and asked for at its end; an answer is found where its first token is the likeliest of the choices, and greedy means the likeliest of all tokens. All methods answer the same questions. Differences to exact are in points, paired, with a standard error over passages. Tasks: "
        + string.Join("; ", RetrievalTasks.Descriptions.Select(task => $"{task.Name}: {task.Description}")) + ".";

    /// <inheritdoc/>
    protected override IEnumerable<XElement> Show(TaskReport report)
    {
        foreach (TaskRow task in report.Tasks)
        {
            if (report.Lengths.Count > 1)
            {
                yield return Html.Figure(
                    Chart.Lines(
                        new ChartAxis("tokens", AxisKind.Lengths),
                        new ChartAxis("share of the answers found") { Limits = (0, 1.03) },
                        [.. task.Methods.Select(method => new Series(
                            method.Name, [.. report.Lengths.Select(length => new ChartPoint(length, method.AccuracyAt(length))).Where(point => double.IsFinite(point.Y))]))]),
                    $"{task.Task}: {report.Model.File} on {report.Text.File}, {task.Methods.Max(method => method.Trials)} questions a method.");
            }
            yield return Html.Table(
                $"{task.Task}: {report.Depths} facts a passage",
                ["method", "questions", "found", "greedy", "points to exact", "exact alone", "method alone", .. report.Lengths.Select(length => $"at {Html.Count(length)}")],
                task.Methods.Where(method => method.Trials > 0).Select(method => (string[])
                [
                    method.Name,
                    Html.Count(method.Trials),
                    Html.Percent(method.Accuracy),
                    Html.Percent(method.GreedyAccuracy),
                    method == task.Methods[0] ? "" : Html.Signed(100 * method.Difference, 1) + (method.DifferenceSe is double se ? $" ± {Html.Fixed(100 * se, 1)}" : ""),
                    method == task.Methods[0] ? "" : Html.Count(method.ExactOnly),
                    method == task.Methods[0] ? "" : Html.Count(method.MethodOnly),
                    .. report.Lengths.Select(length => Html.Percent(method.AccuracyAt(length))),
                ]));
        }
    }
}
