namespace Prescore.Experiments.Advice;

/// <summary>y = a·n^b, how time and budget follow the length.</summary>
/// <param name="Factor">a.</param>
/// <param name="Exponent">b.</param>
public readonly record struct PowerLaw(double Factor, double Exponent)
{
    /// <summary>Least squares of ln y on ln n; exact through two points.</summary>
    /// <param name="points">Measured points, n and y above 0, at least one.</param>
    /// <param name="exponent">The exponent where all points have one n.</param>
    public static PowerLaw Fit(IReadOnlyList<(double N, double Y)> points, double exponent)
    {
        double slope = LogLogSlope.Of(points) ?? exponent;
        double intercept = points.Average(point => Math.Log(point.Y) - slope * Math.Log(point.N));
        return new PowerLaw(Math.Exp(intercept), slope);
    }

    /// <summary>The same where the points grow with at least an exponent; or else that exponent, through the longest point.</summary>
    /// <param name="points">Measured points, n and y above 0, at least one.</param>
    /// <param name="exponent">The least exponent.</param>
    public static PowerLaw FitAtLeast(IReadOnlyList<(double N, double Y)> points, double exponent)
    {
        PowerLaw fitted = Fit(points, exponent);
        (double n, double y) = points.MaxBy(point => point.N);
        return fitted.Exponent > exponent ? fitted : new PowerLaw(y / Math.Pow(n, exponent), exponent);
    }

    /// <summary>y at a length.</summary>
    public double At(double n) => Factor * Math.Pow(n, Exponent);

    /// <summary>The length from which on this law stays below another; null where it never does.</summary>
    public double? Passes(PowerLaw other)
    {
        if (Exponent == other.Exponent)
        {
            return Factor < other.Factor ? 1 : null;
        }
        return Exponent < other.Exponent ? Math.Max(1, Math.Pow(Factor / other.Factor, 1 / (other.Exponent - Exponent))) : null;
    }
}
