using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>How many clusters the clustering scorers fit.</summary>
internal static class ClusterCount
{
    /// <summary>
    /// As the context asks for, or k = d + 1, but at most ⌊s/2⌋, at most n, and at least 1. (The planted model behind pre-scoring has a cluster for
    /// each of d directions and one for the bulk.)
    /// </summary>
    public static int For(in KeyMatrix keys, in ScoringContext context) =>
        context.Clusters is int wanted
            ? Math.Clamp(wanted, 1, keys.Count)
            : Math.Clamp(keys.Dimension + 1, 1, Math.Max(1, Math.Min(context.Selected / 2, keys.Count)));
}
