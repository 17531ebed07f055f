using System.Text.Json;
using Prescore.Models.Formats;
using Prescore.Models.Layers;
using Prescore.Specs;

namespace Prescore.Models.Families;

/// <summary>A rotary embedding as the metadata describe it.</summary>
/// <param name="Settings">Base, rotated dimensions, pairing and trained context.</param>
/// <param name="Scaling">The model's own scaling; null: none.</param>
/// <param name="IsDynamic">Whether the scaling changes with a sequence's length beyond the trained context, which is not computed.</param>
internal sealed record RotaryPlan(RotarySettings Settings, RopeScaling? Scaling = null, bool IsDynamic = false)
{
    /// <summary>Longest context that the metadata stand for, in tokens.</summary>
    public int Context => Scaling is YarnScaling yarn
        ? (int)Math.Min(int.MaxValue, Math.Max(Settings.TrainedContext, (yarn.OriginalContext > 0 ? yarn.OriginalContext : Settings.TrainedContext) * yarn.Factor))
        : Settings.TrainedContext;

    /// <summary>
    /// The embedding, with what the user wants on top. A YaRN of the metadata, which is an extension too, gives way to it;
    /// other scalings are what the model was trained with.
    /// </summary>
    public RotaryEmbedding Create(ReadOnlySpan<float> divisors, RopeScaling? wanted)
    {
        RopeScaling? own = wanted is not null && Scaling is YarnScaling ? null : Scaling;
        return (own, wanted) switch
        {
            (null, null) => RotaryEmbedding.Create(Settings, divisors),
            (null, { } user) => RotaryEmbedding.Create(Settings, divisors, user),
            ({ } model, null) => RotaryEmbedding.Create(Settings, divisors, model),
            ({ } model, { } user) => RotaryEmbedding.Create(Settings, divisors, model, user),
        };
    }
}

/// <summary>Reads rotary embeddings from metadata: every way that files write them.</summary>
internal static class RotaryMetadata
{
    private const string Kinds = "none, default, linear, dynamic, yarn and llama3 are computed";

    /// <summary>Reads a model's rotary embedding.</summary>
    /// <param name="metadata">The metadata.</param>
    /// <param name="headDimension">Size of a head.</param>
    /// <param name="context">Context that the metadata state, in tokens.</param>
    /// <param name="pairing">Which elements turn together.</param>
    /// <param name="layerType">Which layers' embedding, where <c>rope_parameters</c> has one for every type of layer; null: those of full attention.</param>
    /// <param name="defaultShare">Share of a head that is rotated where the metadata do not say.</param>
    /// <exception cref="ModelFormatException">A value is missing, of the wrong type, out of range, or not computed here.</exception>
    public static RotaryPlan Read(
        ModelMetadata metadata, int headDimension, int context, RotaryPairing pairing, string? layerType = null, double defaultShare = 1)
    {
        JsonElement? parameters = Parameters(metadata, layerType ?? "full_attention");
        // Some files state them in both places; the object is the later form.
        double oldTheta = metadata.Number("rope.freq_base", "rope_theta", 10000), oldShare = metadata.Number(null, "partial_rotary_factor", defaultShare);
        double theta = InObject(metadata, parameters, "rope_theta") ?? oldTheta;
        if (theta <= 1)
        {
            throw metadata.Unsupported(metadata.NameOf("rope.freq_base", "rope_theta"), theta);
        }
        double share = InObject(metadata, parameters, "partial_rotary_factor") ?? oldShare;
        int dimensions = metadata.Count("rope.dimension_count", null, share is > 0 and <= 1 ? (int)(headDimension * share) : 0);
        if (dimensions == 0 || dimensions > headDimension || dimensions % 2 != 0)
        {
            throw metadata.Unsupported(
                metadata.NameOf("rope.dimension_count", "partial_rotary_factor"), metadata.IsGguf ? dimensions : share);
        }
        var settings = new RotarySettings(theta, dimensions, pairing, context);
        return metadata.IsGguf ? FromKeys(metadata, settings) : FromObject(metadata, parameters, settings);
    }

    /// <summary><c>rope_parameters</c> of transformers 5, which may hold one object a type of layer, or <c>rope_scaling</c> of 4.</summary>
    private static JsonElement? Parameters(ModelMetadata metadata, string layerType)
    {
        if (metadata is not ConfigModelMetadata config)
        {
            return null;
        }
        JsonElement? old = config.Object("rope_scaling");
        return config.Object("rope_parameters") switch
        {
            null => old,
            JsonElement all when all.TryGetProperty(layerType, out JsonElement own) && own.ValueKind == JsonValueKind.Object => own,
            JsonElement all => all,
        };
    }

    private static RotaryPlan FromObject(ModelMetadata metadata, JsonElement? parameters, RotarySettings settings)
    {
        if (parameters is not { } scaling)
        {
            return new RotaryPlan(settings);
        }
        string kind = Kind(metadata, scaling);
        double Get(string name) => InObject(metadata, scaling, name) ?? throw metadata.Unsupported($"rope scaling '{kind}' without {name}; {name}", "missing");
        int Context(string name) => Get(name) is >= 1 and <= int.MaxValue and double tokens ? (int)tokens : throw metadata.Unsupported(name, Get(name));
        double Factor() => Get("factor") is >= 1 and double factor ? factor : throw metadata.Unsupported("rope scaling's factor", Get("factor"));
        switch (kind)
        {
            case "default" or "none" or "":
                return new RotaryPlan(settings);
            case "linear":
                return new RotaryPlan(settings, new LinearScaling(Factor()));
            case "dynamic":
                // Within the trained context its frequencies are the unscaled ones.
                return new RotaryPlan(settings, IsDynamic: true);
            case "llama3":
                return new RotaryPlan(settings, new Llama3Scaling(
                    Factor(), Get("low_freq_factor"), Get("high_freq_factor"), Context("original_max_position_embeddings")));
            case "yarn":
                int original = InObject(metadata, scaling, "original_max_position_embeddings") is null
                    ? settings.TrainedContext
                    : Context("original_max_position_embeddings");
                return new RotaryPlan(settings, new YarnScaling(
                    Factor(), original, InObject(metadata, scaling, "beta_fast") ?? 32, InObject(metadata, scaling, "beta_slow") ?? 1)
                {
                    StatedAttentionFactor = InObject(metadata, scaling, "attention_factor") ?? Mscale(metadata, scaling, Factor()),
                    WholePairs = !(scaling.TryGetProperty("truncate", out JsonElement truncate) && truncate.ValueKind == JsonValueKind.False),
                });
            default:
                throw new ModelFormatException(metadata.Path, $"rope scaling is of type '{kind}'", Kinds);
        }
    }

    /// <summary><c>rope_type</c>, or <c>type</c> as it was called before; a factor without either is linear interpolation.</summary>
    private static string Kind(ModelMetadata metadata, JsonElement scaling)
    {
        foreach (string name in (ReadOnlySpan<string>)["rope_type", "type"])
        {
            if (scaling.TryGetProperty(name, out JsonElement kind) && kind.ValueKind != JsonValueKind.Null)
            {
                return kind.ValueKind == JsonValueKind.String ? kind.GetString()! : throw metadata.Unsupported(name, kind.GetRawText());
            }
        }
        return InObject(metadata, scaling, "factor") is null ? "" : "linear";
    }

    /// <summary>The quotient of the two scales that DeepSeek's configurations give; null where they give none.</summary>
    private static double? Mscale(ModelMetadata metadata, JsonElement scaling, double factor)
    {
        double Scale(double weight) => factor <= 1 ? 1 : 0.1 * weight * Math.Log(factor) + 1;
        return (InObject(metadata, scaling, "mscale"), InObject(metadata, scaling, "mscale_all_dim")) is (double own and not 0, double all and not 0)
            ? Scale(own) / Scale(all)
            : null;
    }

    /// <summary>
    /// Keys of GGUF with llama.cpp's meaning: a factor without a type is linear, <c>rope.scale_linear</c> of old files is a
    /// factor, 0 means not given, the type <c>none</c> ignores it.
    /// </summary>
    private static RotaryPlan FromKeys(ModelMetadata metadata, RotarySettings settings)
    {
        string kind = metadata.Text("rope.scaling.type", null, "linear");
        double factor = metadata.Number("rope.scaling.factor", null, metadata.Number("rope.scale_linear", null, 1));
        factor = factor == 0 ? 1 : factor;
        double multiplier = metadata.Number("rope.scaling.attn_factor", null, 1);
        var yarn = new YarnScaling(
            factor,
            metadata.Count("rope.scaling.original_context_length", null, 0),
            metadata.Number("rope.scaling.yarn_beta_fast", null, 32),
            metadata.Number("rope.scaling.yarn_beta_slow", null, 1))
        {
            AttentionMultiplier = (float)(multiplier * metadata.Number("rope.scaling.yarn_attn_factor", null, 1)),
        };
        double extrapolation = metadata.Number("rope.scaling.yarn_ext_factor", null, 1), logarithm = metadata.Number("rope.scaling.yarn_log_multiplier", null, 0);
        return kind switch
        {
            "none" => new RotaryPlan(settings),
            _ when !(factor > 0 && multiplier > 0) => throw metadata.Unsupported(metadata.NameOf("rope.scaling.factor", null), factor),
            "yarn" when factor >= 1 && extrapolation == 1 && logarithm == 0 && yarn is { BetaFast: > 0, BetaSlow: > 0, AttentionMultiplier: > 0 } => new RotaryPlan(settings, yarn),
            "yarn" => throw metadata.Unsupported(
                metadata.NameOf("rope.scaling.type", null),
                FormattableString.Invariant($"yarn of factor {factor}, yarn_ext_factor {extrapolation} and yarn_log_multiplier {logarithm}")),
            "linear" when factor == 1 && multiplier == 1 => new RotaryPlan(settings),
            "linear" => new RotaryPlan(settings, new LinearScaling(factor) { AttentionMultiplier = (float)multiplier }),
            _ => throw new ModelFormatException(
                metadata.Path, UnknownName.Describe(metadata.NameOf("rope.scaling.type", null), kind, ["none", "linear", "yarn"]), "use a model without this scaling"),
        };
    }

    private static double? InObject(ModelMetadata metadata, JsonElement? parameters, string name) =>
        parameters is { } scaling && scaling.TryGetProperty(name, out JsonElement value) && value.ValueKind != JsonValueKind.Null
            ? ((ConfigModelMetadata)metadata).AsNumber(name, value)
            : null;
}
