using System.Numerics;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Where the probe queries are: evenly spaced in every few blocks, from the first block with a far part on. What few keys
/// need says little of what many will, so the first probe blocks lie close together: two at least while the length doubles.
/// Exact queries grow dearer with the length, so beyond twice <see cref="WideningBlock"/> the distance of probe blocks doubles
/// with it.
/// </summary>
internal static class ProbeSchedule
{
    /// <summary>Half the number of blocks with the first spacing: 8,192 tokens in blocks of 256.</summary>
    private const int WideningBlock = 16;

    /// <summary>Whether a block has probes.</summary>
    public static bool IsProbeBlock(ClusteredOptions options, int block) =>
        HasFar(options, block) && block % Spacing(options, block) == 1 % Spacing(options, block);

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

    /// <summary>Blocks with a far part from the last one with probes to a block, this one among them.</summary>
    public static int BlocksOf(ClusteredOptions options, int block)
    {
        int first = block;
        while (HasFar(options, first - 1) && !IsProbeBlock(options, first - 1))
        {
            first--;
        }
        return block - first + 1;
    }

    private static bool HasFar(ClusteredOptions options, int block) => options.NearStart(block * options.BlockSize) > ClusteredOptions.Sinks;

    /// <summary>A long: a huge spacing may double.</summary>
    private static long Spacing(ClusteredOptions options, int block) =>
        Math.Min(options.ProbeSpacing * LeadingPower(block / WideningBlock), Math.Max(1, LeadingPower(block) / 2));

    /// <summary>The largest power of 2 up to a number, 1 for 0.</summary>
    private static long LeadingPower(int number) => 1L << BitOperations.Log2((uint)Math.Max(1, number));
}
