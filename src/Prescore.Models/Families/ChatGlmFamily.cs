using Prescore.Models.Formats;
using Prescore.Models.Layers;

namespace Prescore.Models.Families;

/// <summary>
/// ChatGLM2 and 3 (Du et al., arXiv 2103.10360, and the models' own code): queries, keys and values in one tensor with a
/// bias, the first half of a head rotated with neighbours as pairs, gate and up in one tensor.
/// </summary>
internal static class ChatGlmFamily
{
    private static readonly TensorNames Names = new("transformer.encoder.layers.", new Dictionary<string, string>
    {
        ["token_embd"] = "transformer.embedding.word_embeddings",
        ["output_norm"] = "transformer.encoder.final_layernorm",
        ["output"] = "transformer.output_layer",
        ["attn_norm"] = "input_layernorm",
        ["attn_qkv"] = "self_attention.query_key_value",
        ["attn_output"] = "self_attention.dense",
        ["ffn_norm"] = "post_attention_layernorm",
        ["ffn_up"] = "mlp.dense_h_to_4h",
        ["ffn_down"] = "mlp.dense_4h_to_h",
    });

    /// <summary>Switches of the layout, and the values that are computed here.</summary>
    private static readonly (string Key, bool Value)[] Fixed =
    [
        ("rmsnorm", true),
        ("post_layer_norm", true),
        ("original_rope", true),
        ("apply_residual_connection_post_layernorm", false),
    ];

    public static DecoderPlan Plan(ModelMetadata metadata) => metadata.IsGguf ? FromGguf(metadata) : FromConfig(metadata);

    /// <summary>llama.cpp's converter has multiplied the base by the rope ratio.</summary>
    private static DecoderPlan FromGguf(ModelMetadata metadata)
    {
        DecoderPlan plan = DecoderPlan.Read(metadata, RotaryPairing.Interleaved);
        return plan with { FusedGate = true, ProjectionBias = Presence.Required };
    }

    private static DecoderPlan FromConfig(ModelMetadata metadata)
    {
        foreach ((string key, bool value) in Fixed)
        {
            if (metadata.Flag(null, key, value) != value)
            {
                throw metadata.Unsupported(key, !value);
            }
        }
        int hidden = metadata.Count(null, "hidden_size"), heads = metadata.Count(null, "num_attention_heads");
        bool grouped = metadata.Flag(null, "multi_query_attention", false);
        int groups = metadata.Count(null, "multi_query_group_num", 1);
        ModelConfiguration sizes = DecoderSizes.Checked(metadata, new ModelConfiguration
        {
            Architecture = metadata.Architecture,
            Layers = metadata.Count(null, "num_layers"),
            HiddenSize = hidden,
            QueryHeads = heads,
            KeyValueHeads = grouped ? groups : heads,
            HeadDimension = metadata.Count(null, "kv_channels", hidden / Math.Max(1, heads)),
            FeedForwardSize = metadata.Count(null, "ffn_hidden_size"),
            VocabularySize = metadata.Count(null, "padded_vocab_size", 0),
            TrainedContext = metadata.Count(null, "seq_length"),
        });
        bool bias = metadata.Flag(null, "add_bias_linear", false);
        RotaryPlan rotary = ReadRotary(metadata, sizes);
        return new DecoderPlan
        {
            Configuration = sizes,
            NormEpsilon = DecoderPlan.ReadEpsilon(metadata, "attention.layer_norm_rms_epsilon", "layernorm_epsilon"),
            Names = Names,
            Rotary = _ => rotary,
            FusedGate = true,
            ProjectionBias = DecoderPlan.Required(bias || metadata.Flag(null, "add_qkv_bias", false)),
            OutputBias = DecoderPlan.Required(bias),
            FeedForwardBias = DecoderPlan.Required(bias),
            TiedHead = metadata.Flag(null, "tie_word_embeddings", false),
            IsBuffer = name => name.EndsWith("rotary_pos_emb.inv_freq", StringComparison.Ordinal),
        };
    }

    /// <summary>
    /// <c>rope_ratio</c> multiplies the base in ChatGLM3-32k and GLM-4, and divides positions in ChatGLM2-32k, whose
    /// configuration has the same keys: only the model's name tells them apart.
    /// </summary>
    private static RotaryPlan ReadRotary(ModelMetadata metadata, ModelConfiguration sizes)
    {
        double ratio = metadata.Number(null, "rope_ratio", 1);
        if (ratio < 1)
        {
            throw metadata.Unsupported("rope_ratio", ratio);
        }
        string name = metadata.Text(null, "_name_or_path", "") + " " + Path.GetDirectoryName(Path.GetFullPath(metadata.Path));
        bool dividesPositions = name.Contains("chatglm2", StringComparison.OrdinalIgnoreCase);
        bool isKnown = dividesPositions || new[] { "chatglm3", "glm-4", "glm4" }.Any(known => name.Contains(known, StringComparison.OrdinalIgnoreCase));
        if (ratio > 1 && !isKnown)
        {
            throw new ModelFormatException(
                metadata.Path,
                $"rope_ratio is {ratio} in a model whose name tells neither ChatGLM2, which divides positions by it, nor a later one, which multiplies the base",
                "give _name_or_path the name of the model that it was made from");
        }
        // The layout rotates half of a head.
        var settings = new RotarySettings(
            dividesPositions ? 10000 : 10000 * ratio, sizes.HeadDimension / 2, RotaryPairing.Interleaved, sizes.TrainedContext);
        return new RotaryPlan(settings, dividesPositions && ratio > 1 ? new LinearScaling(ratio) : null);
    }
}
