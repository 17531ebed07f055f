using System.Globalization;
using Prescore.Models.Formats.Gguf;

namespace Prescore.Models.Families;

/// <summary>
/// Metadata that change what a model computes and that a family may not know of: passing over one would give plausible
/// wrong numbers.
/// </summary>
internal static class GgufUncomputed
{
    /// <summary>Keys below the architecture's name with the value at which they change nothing.</summary>
    private static readonly (string Key, double Neutral)[] Keys =
    [
        ("attention.causal", 1),
        ("attention.clamp_kqv", 0),
        ("attention.max_alibi_bias", 0),
        ("attention.scale", 0),
        ("attention.sliding_window", 0),
        ("attn_logit_softcapping", 0),
        ("embedding_scale", 1),
        ("expert_count", 0),
        ("final_logit_softcapping", 0),
        ("logit_scale", 1),
        ("residual_scale", 1),
        ("use_parallel_residual", 0),
    ];

    /// <summary>The first such key with another value, and the value, or null.</summary>
    /// <param name="metadata">The file's metadata.</param>
    /// <param name="architecture">Prefix of its keys.</param>
    /// <param name="computed">The keys that the family reads itself.</param>
    public static string? Find(GgufMetadata metadata, string architecture, params ReadOnlySpan<string> computed)
    {
        foreach ((string key, double neutral) in Keys)
        {
            string name = $"{architecture}.{key}";
            if (!computed.Contains(key) && metadata.Contains(name) && Number(metadata[name]) != neutral)
            {
                return string.Create(CultureInfo.InvariantCulture, $"{name} is {metadata[name]}");
            }
        }
        return null;
    }

    private static double Number(object value) => value switch
    {
        bool flag => flag ? 1 : 0,
        IConvertible number and not string => number.ToDouble(CultureInfo.InvariantCulture),
        _ => double.NaN,
    };
}
