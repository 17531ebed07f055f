using System.Globalization;

namespace Prescore.Models.Layers;

/// <summary>
/// YaRN: extends a model's rotary embedding to <paramref name="Factor"/> times its trained context without training
/// (Peng et al., arXiv 2309.00071).
/// </summary>
/// <param name="Factor">How many times longer the context becomes, at least 1.</param>
/// <param name="OriginalContext">The trained context in tokens; 0 means the model's own.</param>
/// <param name="BetaFast">Rotations over the trained context above which a frequency is left alone.</param>
/// <param name="BetaSlow">Rotations below which a frequency is divided by the factor.</param>
public sealed record RopeScaling(double Factor, int OriginalContext = 0, double BetaFast = 32, double BetaSlow = 1)
{
    /// <summary>Multiplies cosine and sine of queries and of keys, so logits by its square (section 3.4): 0.1·ln(factor) + 1.</summary>
    public float AttentionFactor => Factor <= 1 ? 1 : (float)(0.1 * Math.Log(Factor) + 1);

    /// <summary>Parses <c>yarn:factor=F[,original=N]</c>.</summary>
    /// <exception cref="FormatException">The text does not have that form.</exception>
    public static RopeScaling Parse(string text)
    {
        var error = new FormatException($"rope scaling '{text}' is not of the form yarn:factor=F[,original=N] with F of at least 1");
        if (!text.StartsWith("yarn:", StringComparison.Ordinal))
        {
            throw error;
        }
        double? factor = null;
        int original = 0;
        foreach (string part in text["yarn:".Length..].Split(','))
        {
            string[] pair = part.Split('=', 2);
            if (pair is ["factor", var f] && double.TryParse(f, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value >= 1 && double.IsFinite(value))
            {
                factor = value;
            }
            else if (!(pair is ["original", var o] && int.TryParse(o, CultureInfo.InvariantCulture, out original) && original > 0))
            {
                throw error;
            }
        }
        return new RopeScaling(factor ?? throw error, original);
    }
}
