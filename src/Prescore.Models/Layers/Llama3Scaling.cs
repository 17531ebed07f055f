namespace Prescore.Models.Layers;

/// <summary>
/// The scaling that Llama 3.1 was trained with (Grattafiori et al., arXiv 2407.21783; the constants are in the model's
/// configuration): slow pairs are interpolated, fast ones kept, with a ramp over the rotations in the original context in between.
/// </summary>
/// <param name="Factor">Divides the frequencies of slow pairs.</param>
/// <param name="LowFactor">Rotations over the original context below which a pair is slow.</param>
/// <param name="HighFactor">Rotations above which it is fast.</param>
/// <param name="OriginalContext">Context before the extension, in tokens.</param>
public sealed record Llama3Scaling(double Factor, double LowFactor, double HighFactor, int OriginalContext) : RopeScaling(Factor)
{
    /// <inheritdoc/>
    public override float Frequency(int pair, float period, RotarySettings settings)
    {
        double rotations = OriginalContext / (2 * Math.PI * period);
        double kept = rotations < LowFactor ? 0 : rotations > HighFactor ? 1 : (rotations - LowFactor) / (HighFactor - LowFactor);
        return (float)((1 - kept) / (period * Factor) + kept / period);
    }
}
