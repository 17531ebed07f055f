namespace Prescore.Models.Layers;

/// <summary>
/// NTK-aware scaling (Peng et al., arXiv 2309.00071, section 3.1): the base becomes θ · factor^(r/(r − 2)), so the fastest pair
/// keeps its frequency and the slowest one is interpolated.
/// </summary>
public sealed record NtkScaling(double Factor) : RopeScaling(Factor)
{
    /// <inheritdoc/>
    public override float Frequency(int pair, float period, RotarySettings settings) =>
        (float)(1 / (period * Math.Pow(Factor, 2.0 * pair / Math.Max(1, settings.Dimensions - 2))));
}
