using System.Xml.Linq;
using Prescore.Experiments.Evidence.Charts;
using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Evidence.Sections;

/// <summary>What an error costs by each method, in one layer.</summary>
public sealed class LayerSection : ReportSection<LayerStudyReport>
{
    private const double DecidingError = 0.1;

    /// <inheritdoc/>
    public override string Introduction =>
        "One layer, every method at many settings, its outputs compared with exact attention's: the speed-up over exact at equal relative error, interpolated between settings. A method without an entry reaches that error at none of them. Where a layer's heads are local, a window is hard to beat; what an error costs a whole model is another question, which the losses above answer.";

    /// <inheritdoc/>
    protected override IEnumerable<XElement> Show(LayerStudyReport report)
    {
        int longest = report.Lengths.Max();
        yield return Html.Figure(
            Chart.Lines(
                new ChartAxis("relative error", AxisKind.Logarithmic),
                new ChartAxis("speed-up over exact", AxisKind.Logarithmic),
                [.. report.Points.Where(point => point.N == longest && !point.IsExact).GroupBy(point => point.Method).Select(method => new Series(
                    method.Key, [.. method.OrderBy(point => point.RelativeError).Select(point => new ChartPoint(point.RelativeError, point.ExactSeconds / point.Seconds))]))]),
            $"{report.Data}, {Html.Count(longest)} tokens, {report.Threads} threads. Higher and further left is better.");
        yield return Html.Paragraph(Ranking(report, longest));
        double[] errors = [.. report.EqualError.Select(row => row.Error).Distinct().Order()];
        foreach (int length in report.Lengths)
        {
            yield return Html.Table(
                $"Speed-up over exact at equal error, {Html.Count(length)} tokens",
                ["method", .. errors.Select(error => $"error {error:0.##}"), "least error"],
                report.EqualError.Where(row => row.N == length).GroupBy(row => row.Method).Select(method => (string[])
                [
                    method.Key,
                    .. errors.Select(error => method.FirstOrDefault(row => row.Error == error)?.Speedup is double speedup ? $"{Html.Fixed(speedup, 2)}×" : ""),
                    Html.Fixed(method.Min(row => row.LeastError), 3),
                ]));
        }
        yield return Html.Table(
            $"Seconds, and the cache's size at the longest; methods at an error of {DecidingError:0.##}",
            ["method", .. report.Lengths.Select(length => Html.Count(length)), "cache"],
            Times(report).Select(method => (string[])
            [
                method.Name,
                .. report.Lengths.Select(length => method.Seconds.TryGetValue(length, out double seconds) ? Html.Seconds(seconds) : ""),
                report.Points.LastOrDefault(point => point.Method == method.Name && point.N == longest)?.CacheBytes is long bytes ? $"{Html.Fixed(bytes / (double)(1 << 20), 0)} MiB" : "",
            ]));
        yield return Html.Table(
            "From what length on a method is faster than exact",
            ["method", .. errors.Select(error => $"error {error:0.##}")],
            report.Crossovers.GroupBy(row => row.Method).Select(method => (string[])
            [
                method.Key,
                .. errors.Select(error => method.FirstOrDefault(row => row.Error == error) is not { } row ? "" : row.N is int n ? Html.Count(n) : "none of these"),
            ]));
        yield return Html.Table(
            "Exponent of time against length",
            ["method", "at error", "exponent", "lengths"],
            report.Slopes.Select(slope => new[] { slope.Method, slope.Error is double error ? $"{error:0.##}" : "", Html.Fixed(slope.Exponent, 2), Html.Count(slope.Lengths) }));
    }

    /// <summary>Seconds by length: exact's and its peer's, and every method's at the error that decides.</summary>
    private static IEnumerable<(string Name, Dictionary<int, double> Seconds)> Times(LayerStudyReport report) =>
        report.Points.Where(point => point.IsExact).GroupBy(point => point.Method)
            .Select(method => (method.Key, method.ToDictionary(point => point.N, point => point.Seconds)))
            .Concat(report.EqualError.Where(row => row.Error == DecidingError && row.Seconds is not null).GroupBy(row => row.Method)
                .Select(method => (method.Key, method.ToDictionary(row => row.N, row => row.Seconds!.Value))));

    /// <summary>The methods by their speed-up at the error that decides.</summary>
    private static string Ranking(LayerStudyReport report, int length)
    {
        EqualErrorRow[] rows = [.. report.EqualError.Where(row => row.N == length && row.Error == DecidingError)];
        string[] reached = [.. rows.Where(row => row.Speedup is not null).OrderByDescending(row => row.Speedup).Select(row => $"{row.Method} {Html.Fixed(row.Speedup!.Value, 2)}×")];
        string[] missed = [.. rows.Where(row => row.Speedup is null).Select(row => row.Method)];
        return $"At {Html.Count(length)} tokens and an error of {DecidingError:0.##}, fastest first: {string.Join(", ", reached)}"
            + (missed.Length > 0 ? $"; not reached by {string.Join(", ", missed)}." : ".");
    }
}
