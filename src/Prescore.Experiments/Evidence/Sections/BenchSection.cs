using System.Xml.Linq;
using Prescore.Experiments.Evidence.Charts;
using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Evidence.Sections;

/// <summary>Time and error of single layers against length.</summary>
public sealed class BenchSection : ReportSection<BenchReport>
{
    /// <inheritdoc/>
    public override string Introduction =>
        "Queries, keys and values of real layers, added up; every method's outputs are compared with exact's in the same run. A straight line is a power law; its exponent is in the table.";

    /// <inheritdoc/>
    protected override IEnumerable<XElement> Show(BenchReport report)
    {
        Series[] times = [.. report.Rows.GroupBy(row => row.Method).Select(method => new Series(method.Key, [.. method.Select(row => new ChartPoint(row.N, row.Seconds))]))];
        yield return Html.Figure(
            Chart.Lines(new ChartAxis("tokens", AxisKind.Lengths), new ChartAxis("seconds", AxisKind.Logarithmic), times),
            $"{report.Data}, {report.Threads} threads.");
        int[] lengths = [.. report.Rows.Select(row => row.N).Distinct().Order()];
        yield return Html.Table(
            "Time, speed-up over exact and relative error of the outputs at each length",
            ["method", "exponent", .. lengths.SelectMany(n => new[] { $"{Html.Count(n)}: time", "speed-up", "error", "budget" })],
            report.Rows.GroupBy(row => row.Method).Select(method => (string[])
            [
                method.Key,
                report.Slopes.TryGetValue(method.Key, out double slope) ? Html.Fixed(slope, 2) : "",
                .. lengths.SelectMany(n => Cells(method.FirstOrDefault(row => row.N == n))),
            ]));
    }

    private static string[] Cells(BenchRow? row) => row is null
        ? ["", "", "", ""]
        : [Html.Seconds(row.Seconds), $"{Html.Fixed(row.Speedup, 2)}×", Html.Fixed(row.RelativeError, 3), Html.Fixed(row.Budget, 3)];
}
