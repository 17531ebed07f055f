using System.Globalization;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Layers;
using Prescore.Specs;

namespace Prescore.Models.Families;

/// <summary>
/// The scaling of positions that a GGUF file asks for, with llama.cpp's meaning: a factor without a type is linear, the old
/// key <c>rope.scale_linear</c> is a factor, the type <c>none</c> ignores it. What cannot be computed is refused, as leaving
/// it out would give wrong numbers silently.
/// </summary>
internal static class GgufRopeScaling
{
    /// <summary>Reads the <c>*.rope.scaling.*</c> keys of an architecture; null: positions are not scaled.</summary>
    /// <exception cref="ModelFormatException">A scaling that is not supported, or values that make no sense.</exception>
    public static RopeScaling? Read(GgufFile file, string architecture)
    {
        GgufMetadata metadata = file.Metadata;
        string prefix = $"{architecture}.rope.scaling.";
        string? unknown = metadata.Keys.FirstOrDefault(key => key.StartsWith(prefix, StringComparison.Ordinal) && !IsKnown(key[prefix.Length..]));
        if (unknown is not null)
        {
            throw Refuse(file, $"the metadata key '{unknown}' asks for a scaling of positions that is not supported");
        }
        string type = metadata.GetString(prefix + "type", "linear");
        if (type is not ("none" or "linear" or "yarn"))
        {
            throw Refuse(file, UnknownName.Describe($"{prefix}type", type, ["none", "linear", "yarn"]));
        }
        float factor = metadata.GetFloat(prefix + "factor", metadata.GetFloat($"{architecture}.rope.scale_linear", 1));
        // llama.cpp takes 0 for not given.
        factor = factor == 0 ? 1 : factor;
        RequirePositive(file, "the factor of the rope scaling", factor);
        float multiplier = metadata.GetFloat(prefix + "attn_factor", 1) * (type == "yarn" ? metadata.GetFloat(prefix + "yarn_attn_factor", 1) : 1);
        RequirePositive(file, "the attention factor of the rope scaling", multiplier);
        return type switch
        {
            "none" => null,
            "yarn" => Yarn(file, prefix, factor) with { AttentionMultiplier = multiplier },
            _ => factor == 1 && multiplier == 1 ? null : new LinearScaling(factor) { AttentionMultiplier = multiplier },
        };
    }

    private static YarnScaling Yarn(GgufFile file, string prefix, float factor)
    {
        GgufMetadata metadata = file.Metadata;
        float extrapolation = metadata.GetFloat(prefix + "yarn_ext_factor", 1);
        float logarithm = metadata.GetFloat(prefix + "yarn_log_multiplier", 0);
        if (factor < 1 || extrapolation != 1 || logarithm != 0)
        {
            throw Refuse(file, string.Create(
                CultureInfo.InvariantCulture, $"YaRN of factor {factor}, yarn_ext_factor {extrapolation} and yarn_log_multiplier {logarithm} is not supported"));
        }
        var scaling = new YarnScaling(
            factor,
            metadata.GetCount(prefix + "original_context_length", 0),
            metadata.GetFloat(prefix + "yarn_beta_fast", 32),
            metadata.GetFloat(prefix + "yarn_beta_slow", 1));
        RequirePositive(file, "yarn_beta_fast", scaling.BetaFast);
        RequirePositive(file, "yarn_beta_slow", scaling.BetaSlow);
        return scaling;
    }

    /// <summary>Whether a key below <c>rope.scaling</c> is read here, or says nothing that changes numbers.</summary>
    private static bool IsKnown(string key) => key is "type" or "factor" or "original_context_length" or "finetuned" or "attn_factor"
        or "yarn_attn_factor" or "yarn_ext_factor" or "yarn_log_multiplier" or "yarn_beta_fast" or "yarn_beta_slow";

    private static void RequirePositive(GgufFile file, string what, double value)
    {
        if (!(value > 0 && double.IsFinite(value)))
        {
            throw Refuse(file, string.Create(CultureInfo.InvariantCulture, $"{what} is {value}"));
        }
    }

    private static ModelFormatException Refuse(GgufFile file, string problem) => new(file.Path, problem, "use a model without this scaling");
}
