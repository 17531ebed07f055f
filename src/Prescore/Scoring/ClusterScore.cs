namespace Prescore.Scoring;

/// <summary>How a clustering becomes a score. dᵢ = distance to the own centre, C = own cluster, Φ = Σd², Φ_C = the same in C.</summary>
public enum ClusterScore
{
    /// <summary>
    /// dᵢ²/Φ + Φ_C/(|C|·Φ) + 1/(k|C|): the sensitivity bound of coresets for k-means (Bachem, Lucic and Krause, 2017).
    /// Used to rank, without the sampling guarantee.
    /// </summary>
    Sensitivity,

    /// <summary>dᵢ: outliers first.</summary>
    Far,

    /// <summary>−dᵢ: typical keys first.</summary>
    Near,

    /// <summary>dᵢ²/Φ_C: the key's share of its cluster's cost.</summary>
    Share,
}
