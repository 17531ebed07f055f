namespace Prescore.Attention.Clustered;

/// <summary>
/// The budget of one block: what its queries may spend on selected keys so that near part, centroids, selected keys and probes
/// together stay within budget × exact's. A function of positions and counts alone.
/// </summary>
internal sealed class BlockCaps
{
    private readonly ClusteredOptions _options;
    private readonly double _share;

    /// <summary>Sets the caps of a block.</summary>
    /// <param name="options">The settings; they have a budget.</param>
    /// <param name="blockStart">First position.</param>
    /// <param name="probes">Probe positions of the block; they are exact whatever the budget.</param>
    /// <param name="clusters">Clusters of the head's index.</param>
    public BlockCaps(ClusteredOptions options, int blockStart, int[] probes, int clusters)
    {
        _options = options;
        double all = 0, spent = 0;
        var rows = new List<(int Keys, int Least)>();
        for (int position = blockStart; position < blockStart + options.BlockSize; position++)
        {
            all += position + 1;
            if (Array.IndexOf(probes, position) < 0)
            {
                rows.Add((position + 1, options.NearCount(position) + clusters));
            }
            else
            {
                spent += position + 1 + clusters;
            }
        }
        // Queries share what is left by their keys; for whom near part and centroids are more than that, the others pay.
        for (int before = -1; before != rows.Count;)
        {
            before = rows.Count;
            _share = before == 0 ? 0 : (options.Budget!.Value * all - spent) / rows.Sum(row => (double)row.Keys);
            spent += rows.Where(row => row.Least > _share * row.Keys).Sum(row => (double)row.Least);
            rows.RemoveAll(row => row.Least > _share * row.Keys);
        }
    }

    /// <summary>Most selected keys that the query at a position may have, never below 0.</summary>
    /// <param name="position">Its position.</param>
    /// <param name="clusters">Clusters of the index.</param>
    /// <param name="screening">What screening all keys costs, in interactions.</param>
    public int Selected(int position, int clusters, double screening) =>
        Math.Max(0, (int)(_share * (position + 1) - Math.Ceiling(screening)) - _options.NearCount(position) - clusters);

    /// <summary>
    /// The smallest budget that n tokens can keep: near part, centroids and probes ÷ exact's. Below it the method has no room.
    /// </summary>
    public static double Floor(ClusteredOptions options, int tokens)
    {
        double floor = 0;
        for (int position = 0; position < tokens; position++)
        {
            int blockStart = position / options.BlockSize * options.BlockSize;
            int far = Math.Max(0, options.NearStart(blockStart) - ClusteredOptions.Sinks);
            int cheap = options.NearCount(position) + options.AllClusters(far);
            floor += ProbeSchedule.IsProbe(options, position) ? position + 1 + options.AllClusters(far) : Math.Min(cheap, position + 1);
        }
        return floor / (0.5 * tokens * (tokens + 1.0));
    }
}
