using Prescore.Numerics;

namespace Prescore.Clustering;

/// <summary>
/// k-means++ (Arthur and Vassilvitskii, 2007): the first centre is a uniformly drawn point, every next one a point drawn
/// with a probability proportional to D², its squared distance to the nearest centre so far.
/// </summary>
/// <remarks>
/// Distances to a new centre are not taken at once. A point is proposed by the distances as of some centres ago and
/// accepted with probability D² ÷ that older D², which needs the present D² of this point alone (rejection sampling: the
/// distribution is exactly that of k-means++). After several centres or refusals all distances are brought up to date,
/// so that the points are read once for several centres.
/// </remarks>
public static class KMeansSeeding
{
    /// <summary>A proposal costs a small part of a refresh of all distances.</summary>
    private const int MostProposals = 8;

    /// <summary>Chooses up to <paramref name="count"/> distinct points as centres and labels all points with the nearest of them.</summary>
    /// <param name="points">Points [n, d], n ≥ 1.</param>
    /// <param name="count">How many centres are wanted, 1 … n.</param>
    /// <param name="origin">Where the random numbers are counted from.</param>
    /// <param name="chosen">Receives the rows of the centres, in the order drawn.</param>
    /// <param name="labels">Receives [n] positions in <paramref name="chosen"/>, ties to the lower.</param>
    /// <returns>How many were chosen: fewer than wanted where fewer points differ.</returns>
    public static int Choose(in KeyMatrix points, int count, in RandomOrigin origin, Span<int> chosen, Span<int> labels)
    {
        var distances = new SeedDistances(points);
        try
        {
            int draws = 0;
            int found = 0;
            int next = (int)(Draw(origin, ref draws) * points.Count);
            while (true)
            {
                chosen[found++] = next;
                distances.AddCentre(points[next]);
                if (found == count)
                {
                    break;
                }
                next = distances.MustRefresh ? -1 : Propose(distances, origin, ref draws);
                if (next < 0)
                {
                    distances.Refresh();
                    if (distances.Total <= 0)
                    {
                        break;
                    }
                    next = distances.PointAt(Draw(origin, ref draws) * distances.Total);
                }
            }
            distances.Refresh();
            distances.CopyLabels(labels[..points.Count]);
            return found;
        }
        finally
        {
            distances.Dispose();
        }
    }

    /// <summary>A point drawn by the older distances, or −1 where all proposals are refused.</summary>
    private static int Propose(in SeedDistances distances, in RandomOrigin origin, ref int draws)
    {
        for (int proposal = 0; proposal < MostProposals; proposal++)
        {
            int point = distances.PointAt(Draw(origin, ref draws) * distances.Total);
            if (Draw(origin, ref draws) < distances.ShareLeft(point))
            {
                return point;
            }
        }
        return -1;
    }

    private static double Draw(in RandomOrigin origin, ref int draws) => origin.Uniform(RandomStream.Seeding, draws++);
}
