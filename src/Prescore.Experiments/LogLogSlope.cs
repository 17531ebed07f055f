namespace Prescore.Experiments;

/// <summary>The exponent of a power law: least squares of ln y on ln x.</summary>
public static class LogLogSlope
{
    /// <summary>The slope, or null with fewer than two different x.</summary>
    public static double? Of(IReadOnlyList<(double X, double Y)> points)
    {
        if (points.Count < 2)
        {
            return null;
        }
        double meanX = points.Average(point => Math.Log(point.X));
        double meanY = points.Average(point => Math.Log(point.Y));
        double covariance = points.Sum(point => (Math.Log(point.X) - meanX) * (Math.Log(point.Y) - meanY));
        double variance = points.Sum(point => Math.Pow(Math.Log(point.X) - meanX, 2));
        return variance > 0 ? covariance / variance : null;
    }
}
