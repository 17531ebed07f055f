using System.Globalization;
using Prescore.Models.Families;

namespace Prescore.Models.Layers;

/// <summary>How a rotary embedding is changed for contexts that are longer than the one the model was first trained on.</summary>
/// <param name="Factor">How many times longer the context becomes, above 0.</param>
public abstract record RopeScaling(double Factor)
{
    /// <summary>Multiplies cosine and sine of queries and of keys, so logits by its square.</summary>
    public virtual float AttentionFactor => AttentionMultiplier;

    /// <summary>A factor of the model's own beside the method's (<c>rope.scaling.attn_factor</c>).</summary>
    public float AttentionMultiplier { get; init; } = 1;

    /// <summary>The scaled frequency of a pair, in radians a position.</summary>
    /// <param name="pair">Index of the pair.</param>
    /// <param name="period">1 ÷ its frequency without scaling.</param>
    /// <param name="configuration">Base, rotated dimensions and trained context.</param>
    internal abstract float Frequency(int pair, float period, ModelConfiguration configuration);

    /// <summary>Parses <c>yarn:factor=F[,original=N]</c>.</summary>
    /// <exception cref="FormatException">The text does not have that form.</exception>
    public static YarnScaling Parse(string text)
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
        return new YarnScaling(factor ?? throw error, original);
    }
}
