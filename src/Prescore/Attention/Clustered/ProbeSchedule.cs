namespace Prescore.Attention.Clustered;

/// <summary>Where the probe queries are: evenly spaced in every few blocks, from the first block with a far part on.</summary>
internal static class ProbeSchedule
{
    /// <summary>Whether a block has probes.</summary>
    public static bool IsProbeBlock(ClusteredOptions options, int block) =>
        options.NearStart(block * options.BlockSize) > ClusteredOptions.Sinks && block % options.ProbeSpacing == 1 % options.ProbeSpacing;

    /// <summary>Probe positions of a block, ascending.</summary>
    public static int[] Positions(ClusteredOptions options, int block)
    {
        if (!IsProbeBlock(options, block))
        {
            return [];
        }
        int probes = Math.Min(options.Probes, options.BlockSize);
        return [.. Enumerable.Range(0, probes).Select(i => block * options.BlockSize + (2 * i + 1) * options.BlockSize / (2 * probes))];
    }

    /// <summary>Whether the query at a position is a probe.</summary>
    public static bool IsProbe(ClusteredOptions options, int position) =>
        IsProbeBlock(options, position / options.BlockSize) && Array.IndexOf(Positions(options, position / options.BlockSize), position) >= 0;
}
