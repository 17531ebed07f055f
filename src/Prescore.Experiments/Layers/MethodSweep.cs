using System.Globalization;

namespace Prescore.Experiments.Layers;

/// <summary>A method at several settings of what its budget depends on, from the cheapest to the most exact.</summary>
/// <param name="Name">The method.</param>
/// <param name="Specs">Its specs at a length.</param>
public sealed record MethodSweep(string Name, Func<int, IReadOnlyList<string>> Specs)
{
    /// <summary>The methods that are compared.</summary>
    public static IReadOnlyList<MethodSweep> All { get; } =
    [
        OfShares("window", "window:w={0}", 32, 16, 8, 4, 2),
        OfShares("hyper", "hyper:block={0},sample={0},min=1024", 64, 32, 16, 8),
        OfShares("prescored", "prescored:scorer=kmeans,s={0},inner=exact", 32, 16, 8, 4, 2),
        OfShares("quoka", "quoka:s={0}", 32, 16, 8, 4, 2),
        OfValues("xattention", "xattention:threshold={0}", 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99),
        OfShares("quest", "quest:s={0}", 64, 32, 16, 8, 4),
        OfValues("clustered", "clustered:error={0}", 0.4, 0.2, 0.1, 0.05, 0.02),
    ];

    /// <summary>Sizes that are shares of the length, by their divisors.</summary>
    private static MethodSweep OfShares(string name, string spec, params int[] divisors) =>
        new(name, n => [.. divisors.Select(divisor => string.Format(CultureInfo.InvariantCulture, spec, Math.Max(16, n / divisor))).Distinct()]);

    private static MethodSweep OfValues(string name, string spec, params double[] values) =>
        new(name, _ => [.. values.Select(value => string.Format(CultureInfo.InvariantCulture, spec, value))]);
}
