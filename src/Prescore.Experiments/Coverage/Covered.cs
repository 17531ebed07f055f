namespace Prescore.Experiments.Coverage;

/// <summary>How much of the far attention a choice of keys holds, added over queries.</summary>
internal sealed class Covered
{
    /// <summary>Attention from which on a key counts as heavy for a query.</summary>
    public static readonly float[] Thresholds = [0.01f, 0.05f, 0.2f];

    /// <summary>Sum of the attention on far keys of the choice.</summary>
    public double Mass { get; set; }

    /// <summary>Heavy far keys of a query that are in the choice, a threshold each.</summary>
    public long[] Heavy { get; } = new long[Thresholds.Length];
}
