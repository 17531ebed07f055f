using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Layers;

/// <summary>What a relative error costs by each method: the settings of its sweep interpolated, time and error logarithmic.</summary>
public static class EqualError
{
    /// <summary>Errors at which methods are compared.</summary>
    public static IReadOnlyList<double> Targets { get; } = [0.02, 0.05, 0.1, 0.2];

    /// <summary>All methods, lengths and targets.</summary>
    public static IReadOnlyList<EqualErrorRow> Of(IReadOnlyList<LayerStudyPoint> points) =>
    [
        .. from sweep in Sweeps(points)
           from target in Targets
           select Of([.. sweep], target),
    ];

    /// <summary>Lengths from which on a method is faster than exact at an error.</summary>
    public static IReadOnlyList<CrossoverRow> Crossovers(IReadOnlyList<EqualErrorRow> rows) =>
        [.. rows.GroupBy(row => (row.Method, row.Error)).Select(group => Crossover(group.Key.Method, group.Key.Error, [.. group.OrderBy(row => row.N)]))];

    /// <summary>
    /// Exponents of time against length, exact's and its peers' and every method's at an error, over the lengths from an eighth of
    /// the longest on: below, what does not grow (indices, probes, starting threads) hides how the rest does.
    /// </summary>
    public static IReadOnlyList<SlopeRow> Slopes(IReadOnlyList<LayerStudyPoint> points, IReadOnlyList<EqualErrorRow> rows)
    {
        var exact = points.Where(point => point.IsExact).GroupBy(point => point.Method)
            .Select(group => (group.Key, Error: (double?)null, Times: group.Select(point => (point.N, point.Seconds))));
        var others = rows.Where(row => row.Seconds is not null).GroupBy(row => (row.Method, row.Error))
            .Select(group => (group.Key.Method, Error: (double?)group.Key.Error, Times: group.Select(row => (row.N, row.Seconds!.Value))));
        int shortest = points.Select(point => point.N).DefaultIfEmpty(0).Max() / 8;
        return
        [
            .. from method in exact.Concat(others)
               let times = method.Times.Where(time => time.Item1 >= shortest).Select(time => ((double)time.Item1, time.Item2)).ToArray()
               let slope = LogLogSlope.Of(times)
               where slope is not null
               select new SlopeRow(method.Item1, method.Error, slope.Value, times.Length),
        ];
    }

    private static IEnumerable<IGrouping<(string, int), LayerStudyPoint>> Sweeps(IReadOnlyList<LayerStudyPoint> points) =>
        points.Where(point => !point.IsExact).GroupBy(point => (point.Method, point.N));

    /// <summary>The least time in which a sweep reaches an error: of a setting that reaches it, or between two settings around it.</summary>
    private static EqualErrorRow Of(LayerStudyPoint[] sweep, double target)
    {
        var times = new List<double>();
        for (int i = 0; i < sweep.Length; i++)
        {
            if (sweep[i].RelativeError <= target)
            {
                times.Add(sweep[i].Seconds);
            }
            if (i > 0 && (sweep[i].RelativeError <= target) != (sweep[i - 1].RelativeError <= target))
            {
                times.Add(Between(sweep[i - 1], sweep[i], target));
            }
        }
        LayerStudyPoint any = sweep[0];
        double least = sweep.Min(point => point.RelativeError);
        double? seconds = times.Count == 0 ? null : times.Min();
        return new EqualErrorRow(any.Method, any.N, target, seconds, any.ExactSeconds / seconds, least);
    }

    private static double Between(LayerStudyPoint a, LayerStudyPoint b, double target)
    {
        // An error of 0 has no logarithm: no less than a rounding error counts.
        double x = Math.Log(Math.Max(1e-7, a.RelativeError)), y = Math.Log(Math.Max(1e-7, b.RelativeError));
        double part = (Math.Log(target) - x) / (y - x);
        return Math.Exp(Math.Log(a.Seconds) + part * (Math.Log(b.Seconds) - Math.Log(a.Seconds)));
    }

    private static CrossoverRow Crossover(string method, double error, EqualErrorRow[] rows)
    {
        int first = Array.FindIndex(rows, row => row.Speedup >= 1);
        if (first < 0)
        {
            return new CrossoverRow(method, error, null, "at none of these lengths");
        }
        if (first == 0 || rows[first - 1].Speedup is not double before)
        {
            return new CrossoverRow(method, error, rows[first].N, first == 0 ? "at the shortest already" : "where it first reaches the error");
        }
        double part = Math.Log(1 / before) / Math.Log(rows[first].Speedup!.Value / before);
        double n = Math.Exp(Math.Log(rows[first - 1].N) + part * Math.Log((double)rows[first].N / rows[first - 1].N));
        return new CrossoverRow(method, error, (int)Math.Round(n), "");
    }
}
