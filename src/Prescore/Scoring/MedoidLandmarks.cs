using Prescore.Clustering;
using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>Landmarks that are the keys nearest to the centres of as many k-means clusters: coverage, whatever the clusters' sizes.</summary>
internal static class MedoidLandmarks
{
    private const int MaxSteps = 4;

    public static int[] Choose(in KeyMatrix keys, int count, in ScoringContext context, out long products)
    {
        var labels = new int[keys.Count];
        ClusterFit fit = KMeans.Fit(keys, count, context.Origin, labels, MaxSteps, context.Simd);
        using CentreSet centres = fit.Centres;
        var distances = new float[keys.Count];
        centres.Distances(keys, labels, distances);
        var medoids = new int[centres.Count];
        Array.Fill(medoids, -1);
        for (int i = 0; i < labels.Length; i++)
        {
            if (medoids[labels[i]] < 0 || distances[i] < distances[medoids[labels[i]]])
            {
                medoids[labels[i]] = i;
            }
        }
        products = fit.Products;
        return [.. medoids.Where(row => row >= 0)];
    }
}
