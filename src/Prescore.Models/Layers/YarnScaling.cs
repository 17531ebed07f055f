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
    /// <summary>The attention factor that a model states; null: 0.1·ln(factor) + 1 (section 3.4).</summary>
    public double? StatedAttentionFactor { get; init; }

    /// <summary>Whether the ramp's ends are rounded outwards to whole pairs.</summary>
    public bool WholePairs { get; init; } = true;

    /// <inheritdoc/>
    public override float AttentionFactor => AttentionMultiplier * (float)(StatedAttentionFactor ?? (Factor <= 1 ? 1 : 0.1 * Math.Log(Factor) + 1));

    /// <summary>
    /// NTK-by-parts (section 3.2): pairs that turn often over the trained context keep their frequency, those that turn less
    /// than once are interpolated, a linear ramp over the pair index in between. The order of roundings is the reference
    /// implementation's: its frequencies, to the last bit.
    /// </summary>
    public override float Frequency(int pair, float period, RotarySettings settings)
    {
        int context = OriginalContext > 0 ? OriginalContext : settings.TrainedContext;
        double PairWithRotations(double rotations) =>
            settings.Dimensions * Math.Log(context / (rotations * 2 * Math.PI)) / (2 * Math.Log(settings.Base));

        double low = PairWithRotations(BetaFast), high = PairWithRotations(BetaSlow);
        low = Math.Max(WholePairs ? Math.Floor(low) : low, 0);
        high = Math.Min(WholePairs ? Math.Ceiling(high) : high, settings.Dimensions - 1);
        float kept = 1 - Math.Clamp((float)(pair - low) / (float)Math.Max(high - low, 0.001), 0, 1);
        return 1 / ((float)Factor * period) * (1 - kept) + 1 / period * kept;
    }
}
