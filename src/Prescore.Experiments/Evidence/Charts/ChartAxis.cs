using System.Globalization;
using ScottPlot.TickGenerators;

namespace Prescore.Experiments.Evidence.Charts;

/// <summary>An axis: its label and scale.</summary>
/// <param name="Label">What it shows, with its unit.</param>
/// <param name="Kind">Scale.</param>
internal sealed record ChartAxis(string Label, AxisKind Kind = AxisKind.Linear)
{
    // Where values of both signs differ by factors of a thousand: linear up to here, logarithmic beyond.
    private const double LinearRange = 0.01;

    private static readonly double[] SignedTicks = [-1, -0.1, -0.03, -0.01, 0, 0.01, 0.03, 0.1, 0.3, 1, 3, 10];

    /// <summary>Least and greatest value that is shown; null: as the points ask for.</summary>
    public (double Least, double Greatest)? Limits { get; init; }

    /// <summary>Where a value stands; NaN where the scale has no place for it.</summary>
    public double Place(double value) => Kind switch
    {
        AxisKind.Logarithmic or AxisKind.Lengths => value > 0 ? Math.Log2(value) : double.NaN,
        AxisKind.Signed => Math.Asinh(value / LinearRange),
        _ => value,
    };

    /// <summary>Ticks for the values that are shown; null: the chart finds its own.</summary>
    public NumericManual? Ticks(IReadOnlyCollection<double> values)
    {
        double[]? ticks = Kind switch
        {
            AxisKind.Lengths => [.. values.Distinct().Order()],
            AxisKind.Logarithmic => Decades(values.Where(value => value > 0)),
            AxisKind.Signed => SignedTicks,
            _ => null,
        };
        return ticks is null ? null : new NumericManual([.. ticks.Select(Place)], [.. ticks.Select(Text)]);
    }

    private string Text(double tick) => Kind == AxisKind.Lengths && tick % 1024 == 0
        ? string.Create(CultureInfo.InvariantCulture, $"{tick / 1024}k")
        : tick.ToString("0.######", CultureInfo.InvariantCulture);

    private static double[] Decades(IEnumerable<double> values)
    {
        double[] all = [.. values.DefaultIfEmpty(1)];
        (int first, int last) = ((int)Math.Floor(Math.Log10(all.Min())), (int)Math.Ceiling(Math.Log10(all.Max())));
        double[] steps = last - first > 2 ? [1] : [1, 2, 5];
        return [.. Enumerable.Range(first, last - first + 1).SelectMany(power => steps.Select(step => step * Math.Pow(10, power)))];
    }
}

/// <summary>Scales of an axis.</summary>
internal enum AxisKind
{
    Linear,

    /// <summary>Logarithmic, ticks at round numbers.</summary>
    Logarithmic,

    /// <summary>Logarithmic, a tick at every value, written 1k for 1,024.</summary>
    Lengths,

    /// <summary>Logarithmic on both sides of a linear range around 0.</summary>
    Signed,
}
