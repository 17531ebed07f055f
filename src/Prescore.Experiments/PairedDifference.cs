namespace Prescore.Experiments;

/// <summary>Mean of paired differences a token, with a standard error that allows for neighbouring tokens being alike.</summary>
/// <param name="Mean">Mean difference.</param>
/// <param name="StandardError">Standard error of the mean, from means over blocks of tokens; NaN with fewer than two blocks.</param>
public readonly record struct PairedDifference(double Mean, double StandardError)
{
    /// <summary>Tokens a block: long enough that the means of neighbouring blocks are nearly independent.</summary>
    public const int BlockTokens = 64;

    /// <summary>Compares two series of the same tokens.</summary>
    /// <param name="method">Values of a method, window after window.</param>
    /// <param name="reference">Values of the reference for the same tokens.</param>
    /// <param name="windowTokens">Tokens a window; a block does not reach over the end of its window.</param>
    public static PairedDifference Of(ReadOnlySpan<float> method, ReadOnlySpan<float> reference, int windowTokens)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(method.Length, reference.Length);
        ArgumentOutOfRangeException.ThrowIfLessThan(windowTokens, 1);
        double sum = 0;
        for (int i = 0; i < method.Length; i++)
        {
            sum += (double)method[i] - reference[i];
        }
        double mean = sum / method.Length;
        // Blocks of unequal size (the last of each window) weigh by their tokens: se² = Σ(nᵦ(meanᵦ − mean))²/N² · B/(B−1).
        double squares = 0;
        int blocks = 0;
        for (int window = 0; window < method.Length; window += windowTokens)
        {
            int windowEnd = Math.Min(method.Length, window + windowTokens);
            for (int start = window; start < windowEnd; start += BlockTokens)
            {
                int end = Math.Min(windowEnd, start + BlockTokens);
                double deviation = 0;
                for (int i = start; i < end; i++)
                {
                    deviation += (double)method[i] - reference[i] - mean;
                }
                squares += deviation * deviation;
                blocks++;
            }
        }
        double standardError = blocks < 2 ? double.NaN : Math.Sqrt(squares * blocks / (blocks - 1)) / method.Length;
        return new PairedDifference(mean, standardError);
    }

    /// <summary>Compares two series of which the summed differences of blocks are known.</summary>
    /// <param name="blockSums">Sums over blocks of <see cref="BlockTokens"/> tokens; the last may be shorter.</param>
    /// <param name="tokens">Number of tokens.</param>
    public static PairedDifference OfBlocks(ReadOnlySpan<double> blockSums, int tokens)
    {
        double sum = 0, squares = 0;
        foreach (double block in blockSums)
        {
            sum += block;
        }
        double mean = sum / tokens;
        for (int i = 0; i < blockSums.Length; i++)
        {
            double deviation = blockSums[i] - mean * Math.Min(BlockTokens, tokens - i * BlockTokens);
            squares += deviation * deviation;
        }
        int blocks = blockSums.Length;
        return new PairedDifference(mean, blocks < 2 ? double.NaN : Math.Sqrt(squares * blocks / (blocks - 1)) / tokens);
    }
}
