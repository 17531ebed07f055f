namespace Prescore.Experiments.Evidence.Charts;

/// <summary>A named row of points in a chart.</summary>
/// <param name="Name">Name in the legend.</param>
/// <param name="Points">Points; those that the scale of an axis cannot show are left out.</param>
/// <param name="Joined">Whether lines join the points.</param>
internal sealed record Series(string Name, IReadOnlyList<ChartPoint> Points, bool Joined = true);

/// <summary>A point with its standard error upwards and downwards.</summary>
internal readonly record struct ChartPoint(double X, double Y, double Error = 0);
