using System.Xml.Linq;
using Prescore.Experiments.Evidence.Charts;
using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Evidence.Sections;

/// <summary>Accuracy of a vision transformer at a few keys a query.</summary>
public sealed class VisionSection : ReportSection<VisionReport>
{
    // More lines than this cannot be told apart.
    private static readonly string[] Drawn = ["coreset", "clustered", "random", "random, CLS kept", "kmeans", "kmeans, CLS kept", "leverage", "leverage, CLS kept"];

    /// <inheritdoc/>
    public override string Introduction =>
        "All layers of a vision transformer run with a few keys a query, nothing trained anew. Accuracy is compared with exact attention's on the same images; errors are standard errors of the paired difference, in points.";

    /// <inheritdoc/>
    protected override IEnumerable<XElement> Show(VisionReport report)
    {
        var forms = report.Rows.GroupBy(row => row.Form).ToArray();
        yield return Html.Figure(
            Chart.Lines(
                new ChartAxis("keys a query", AxisKind.Logarithmic),
                new ChartAxis("accuracy") { Limits = (0, 1) },
                [.. Drawn.SelectMany(name => forms.Where(form => form.Key == name)).Select(form => new Series(
                    form.Key, [.. form.GroupBy(row => row.Keys).OrderBy(cell => cell.Key).Select(cell => new ChartPoint(cell.Key, cell.Average(row => row.Accuracy), cell.Average(row => row.DifferenceError)))]))]),
            $"{report.Model.File}, {report.Images} test images of Fashion-MNIST, {report.Tokens} tokens an image; exact attention has {Html.Percent(report.ExactAccuracy)}.");
        int[] keys = [.. report.Rows.Select(row => row.Keys).Distinct().Order()];
        yield return Html.Table(
            "Accuracy at each number of keys (difference to exact in points)",
            ["form", .. keys.Select(count => $"{count} keys")],
            forms.Select(form => keys.Select(count => Cell([.. form.Where(row => row.Keys == count)])).Prepend(form.Key)));
    }

    private static string Cell(VisionRow[] rows) => rows.Length == 0
        ? ""
        : $"{Html.Percent(rows.Average(row => row.Accuracy))} ({Html.Signed(100 * rows.Average(row => row.Difference), 1)} ± {Html.Fixed(100 * rows.Average(row => row.DifferenceError), 1)})";
}
