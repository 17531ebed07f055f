using Prescore.Numerics;

namespace Prescore.Clustering;

/// <summary>
/// Gives every cluster that lost its members the point farthest from its own centre, taken from a cluster that can
/// spare one. A cluster stays empty only where the remaining points all lie on their centres (duplicates).
/// </summary>
internal static class EmptyClusters
{
    /// <summary>Repairs a Euclidean clustering.</summary>
    /// <param name="points">Points [n, d].</param>
    /// <param name="centres">Centres that the labels refer to.</param>
    /// <param name="labels">Labels [n] to repair.</param>
    public static void Repair(in KeyMatrix points, CentreSet centres, Span<int> labels)
    {
        int[] sizes = Sizes(labels, centres.Count);
        if (sizes.Contains(0))
        {
            var distances = new float[points.Count];
            centres.Distances(points, labels, distances);
            Fill(sizes, distances, labels);
        }
    }

    /// <summary>Repairs a clustering in any geometry from all squared distances [n, k].</summary>
    /// <param name="squaredDistances">Squared distance of every point to every cluster.</param>
    /// <param name="count">Number k of clusters.</param>
    /// <param name="labels">Labels [n] to repair.</param>
    public static void Repair(ReadOnlySpan<double> squaredDistances, int count, Span<int> labels)
    {
        int[] sizes = Sizes(labels, count);
        if (sizes.Contains(0))
        {
            var distances = new float[labels.Length];
            for (int i = 0; i < labels.Length; i++)
            {
                distances[i] = (float)Math.Sqrt(squaredDistances[i * count + labels[i]]);
            }
            Fill(sizes, distances, labels);
        }
    }

    /// <summary>Number of members of each cluster.</summary>
    public static int[] Sizes(ReadOnlySpan<int> labels, int count)
    {
        var sizes = new int[count];
        foreach (int label in labels)
        {
            sizes[label]++;
        }
        return sizes;
    }

    private static void Fill(Span<int> sizes, Span<float> distances, Span<int> labels)
    {
        for (int empty = sizes.IndexOf(0); empty >= 0; empty = sizes.IndexOf(0))
        {
            int farthest = Farthest(distances, labels, sizes);
            if (farthest < 0)
            {
                return;
            }
            sizes[labels[farthest]]--;
            sizes[empty] = 1;
            labels[farthest] = empty;
            distances[farthest] = 0;
        }
    }

    private static int Farthest(ReadOnlySpan<float> distances, ReadOnlySpan<int> labels, ReadOnlySpan<int> sizes)
    {
        int farthest = -1;
        float longest = 0;
        for (int i = 0; i < distances.Length; i++)
        {
            if (distances[i] > longest && sizes[labels[i]] > 1)
            {
                (farthest, longest) = (i, distances[i]);
            }
        }
        return farthest;
    }
}
