using Prescore.Clustering;
using Prescore.Numerics;

namespace Prescore.Scoring;

/// <summary>Landmarks drawn as k-means++ draws its first centres, each by its squared distance to those before it.</summary>
internal static class SeedLandmarks
{
    public static int[] Choose(in KeyMatrix keys, int count, in ScoringContext context, out long products)
    {
        var chosen = new int[count];
        int found = KMeansSeeding.Choose(keys, count, context.Origin, chosen, new int[keys.Count]);
        products = (long)keys.Count * found;
        return chosen[..found];
    }
}
