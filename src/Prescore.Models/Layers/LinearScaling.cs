using Prescore.Models.Families;

namespace Prescore.Models.Layers;

/// <summary>Position interpolation (Chen et al., arXiv 2306.15595): every position is divided by the factor.</summary>
/// <param name="Factor">The divisor, above 0.</param>
public sealed record LinearScaling(double Factor) : RopeScaling(Factor)
{
    internal override float Frequency(int pair, float period, ModelConfiguration configuration) => 1 / period / (float)Factor;
}
