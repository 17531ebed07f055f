using Prescore.Experiments.Reports;

namespace Prescore.Experiments.Plots;

/// <summary>
/// A certificate as a grid of heads × layers. Where there are several windows a cell's error is the root mean square over
/// them, weighted by probes, its budget their mean, its p that of the last window; it is exact or unmet where one of them is.
/// </summary>
internal sealed class CertificateGrid
{
    private readonly ILookup<(int Layer, int Head), CertifiedHead> _cells;

    public CertificateGrid(CertificateReport certificate)
    {
        _cells = certificate.Heads.ToLookup(head => (head.Layer, head.Head));
        Layers = [.. certificate.Heads.Select(head => head.Layer).Distinct().Order()];
        Heads = certificate.Heads.Max(head => head.Head) + 1;
    }

    /// <summary>Layers, ascending; one a column.</summary>
    public int[] Layers { get; }

    /// <summary>Number of heads; one a row.</summary>
    public int Heads { get; }

    /// <summary>Relative error; NaN without probes.</summary>
    public double Error(int column, int head)
    {
        IEnumerable<CertifiedHead> windows = Cell(column, head);
        return Math.Sqrt(windows.Sum(window => window.Probes * window.Error * window.Error) / windows.Sum(window => window.Probes));
    }

    /// <summary>Interactions ÷ exact's.</summary>
    public double Budget(int column, int head) => Cell(column, head).Average(window => window.Budget);

    /// <summary>Clusters that a query visits at the end; null: all.</summary>
    public double? Share(int column, int head) => Cell(column, head).Last().Share;

    /// <summary>Whether the head is in a state in any window.</summary>
    public bool Is(HeadState state, int column, int head) => Cell(column, head).Any(window => window.State == state);

    /// <summary>A value of every cell, the first head on top.</summary>
    public double[,] Values(Func<int, int, double> value)
    {
        var values = new double[Heads, Layers.Length];
        for (int head = 0; head < Heads; head++)
        {
            for (int column = 0; column < Layers.Length; column++)
            {
                values[head, column] = value(column, head);
            }
        }
        return values;
    }

    private IEnumerable<CertifiedHead> Cell(int column, int head) => _cells[(Layers[column], head)];
}
