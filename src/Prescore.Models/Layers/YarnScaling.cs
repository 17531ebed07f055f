using Prescore.Models.Families;

namespace Prescore.Models.Layers;

/// <summary>
/// YaRN: extends a model's rotary embedding to <paramref name="Factor"/> times its trained context without training
/// (Peng et al., arXiv 2309.00071).
/// </summary>
/// <param name="Factor">How many times longer the context becomes, at least 1.</param>
/// <param name="OriginalContext">The trained context in tokens; 0 means the model's own.</param>
/// <param name="BetaFast">Rotations over the trained context above which a frequency is left alone.</param>
/// <param name="BetaSlow">Rotations below which a frequency is divided by the factor.</param>
public sealed record YarnScaling(double Factor, int OriginalContext = 0, double BetaFast = 32, double BetaSlow = 1) : RopeScaling(Factor)
{
    /// <summary>0.1·ln(factor) + 1 (section 3.4), times the model's own factor where it has one.</summary>
    public override float AttentionFactor => AttentionMultiplier * (Factor <= 1 ? 1 : (float)(0.1 * Math.Log(Factor) + 1));

    /// <summary>
    /// The frequency of a pair by NTK-by-parts (arXiv 2309.00071, section 3.2): pairs that turn often over the trained
    /// context keep their frequency, those that turn less than once are interpolated, a linear ramp over the pair index in
    /// between. The order of roundings is the reference implementation's: its frequencies, to the last bit.
    /// </summary>
    internal override float Frequency(int pair, float period, ModelConfiguration configuration)
    {
        int context = OriginalContext > 0 ? OriginalContext : configuration.TrainedContext;
        double PairWithRotations(double rotations) =>
            configuration.RopeDimensions * Math.Log(context / (rotations * 2 * Math.PI)) / (2 * Math.Log(configuration.RopeBase));

        double low = Math.Max(Math.Floor(PairWithRotations(BetaFast)), 0);
        double high = Math.Min(Math.Ceiling(PairWithRotations(BetaSlow)), configuration.RopeDimensions - 1);
        float kept = 1 - Math.Clamp((float)(pair - low) / (float)Math.Max(high - low, 0.001), 0, 1);
        return 1 / ((float)Factor * period) * (1 - kept) + 1 / period * kept;
    }
}
