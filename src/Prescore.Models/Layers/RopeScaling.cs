using System.Globalization;

namespace Prescore.Models.Layers;

/// <summary>Changes the frequencies of a rotary embedding for contexts longer than the trained one.</summary>
/// <param name="Factor">How many times longer the context becomes, above 0.</param>
public abstract record RopeScaling(double Factor)
{
    /// <summary>What <c>--rope</c> takes.</summary>
    public const string Grammar = "yarn:factor=F[,original=N] or linear:factor=F or ntk:factor=F with F of at least 1";

    /// <summary>Multiplies cosine and sine of queries and of keys, so logits by its square.</summary>
    public virtual float AttentionFactor => AttentionMultiplier;

    /// <summary>A factor of the model's own beside the method's (<c>rope.scaling.attn_factor</c> of GGUF).</summary>
    public float AttentionMultiplier { get; init; } = 1;

    /// <summary>Parses what <see cref="Grammar"/> says.</summary>
    /// <exception cref="FormatException">The text does not have that form.</exception>
    public static RopeScaling Parse(string text)
    {
        var error = new FormatException($"rope scaling '{text}' is not of the form {Grammar}");
        (string kind, string options) = text.Split(':', 2) is [var name, var rest] ? (name, rest) : throw error;
        double? factor = null;
        int original = 0;
        foreach (string part in options.Split(','))
        {
            string[] pair = part.Split('=', 2);
            if (pair is ["factor", var f] && factor is null
                && double.TryParse(f, NumberStyles.Float, CultureInfo.InvariantCulture, out double value) && value >= 1 && double.IsFinite(value))
            {
                factor = value;
            }
            else if (!(kind == "yarn" && pair is ["original", var o] && int.TryParse(o, CultureInfo.InvariantCulture, out original) && original > 0))
            {
                throw error;
            }
        }
        return (kind, factor) switch
        {
            ("yarn", double by) => new YarnScaling(by, original),
            ("linear", double by) => new LinearScaling(by),
            ("ntk", double by) => new NtkScaling(by),
            _ => throw error,
        };
    }

    /// <summary>The frequency of a pair, in radians a position.</summary>
    /// <param name="pair">Index of the pair.</param>
    /// <param name="period">Positions a radian before scaling.</param>
    /// <param name="settings">The embedding.</param>
    public abstract float Frequency(int pair, float period, RotarySettings settings);
}
