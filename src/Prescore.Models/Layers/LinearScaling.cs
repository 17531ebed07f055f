namespace Prescore.Models.Layers;

/// <summary>Position interpolation (Chen et al., arXiv 2306.15595): all positions are divided by the factor.</summary>
public sealed record LinearScaling(double Factor) : RopeScaling(Factor)
{
    /// <inheritdoc/>
    public override float Frequency(int pair, float period, RotarySettings settings) => 1 / period / (float)Factor;
}
