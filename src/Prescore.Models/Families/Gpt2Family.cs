using Prescore.Models.Formats;
using Prescore.Models.Layers;

namespace Prescore.Models.Families;

/// <summary>
/// GPT-2 (Radford et al., 2019): learned positions, LayerNorm, biases everywhere, one tensor for queries, keys and values.
/// Its files store matrices as [inputs, outputs], with or without <c>transformer.</c> before all names; GGUF's are turned.
/// </summary>
internal static class Gpt2Family
{
    private static readonly Dictionary<string, string> LayerNames = new()
    {
        ["attn_norm"] = "ln_1",
        ["attn_qkv"] = "attn.c_attn",
        ["attn_output"] = "attn.c_proj",
        ["ffn_norm"] = "ln_2",
        ["ffn_up"] = "mlp.c_fc",
        ["ffn_down"] = "mlp.c_proj",
    };

    public static DecoderPlan Plan(ModelMetadata metadata, ITensorSource tensors)
    {
        int hidden = metadata.Count("embedding_length", "n_embd"), heads = metadata.Count("attention.head_count", "n_head");
        ModelConfiguration sizes = DecoderSizes.Checked(metadata, new ModelConfiguration
        {
            Architecture = metadata.Architecture,
            Layers = metadata.Count("block_count", "n_layer"),
            HiddenSize = hidden,
            QueryHeads = heads,
            KeyValueHeads = heads,
            HeadDimension = hidden / Math.Max(1, heads),
            FeedForwardSize = metadata.Count("feed_forward_length", "n_inner", (int)Math.Min(int.MaxValue, 4L * hidden)),
            VocabularySize = metadata.Count(null, "vocab_size", 0),
            TrainedContext = metadata.Count("context_length", "n_positions"),
        });
        metadata.Count(null, "n_ctx", 0);
        DecoderPlan.RequireActivation(metadata, "activation_function", Activation.GeluTanh);
        if (metadata.Flag(null, "add_cross_attention", false))
        {
            throw metadata.Unsupported("add_cross_attention", true);
        }
        bool scaled = metadata.Flag(null, "scale_attn_weights", true), byLayer = metadata.Flag(null, "scale_attn_by_inverse_layer_idx", false);
        float scale = scaled ? 1 / MathF.Sqrt(sizes.HeadDimension) : 1;
        return new DecoderPlan
        {
            Configuration = sizes,
            NormEpsilon = DecoderPlan.ReadEpsilon(metadata, "attention.layer_norm_epsilon", "layer_norm_epsilon"),
            Names = metadata.IsGguf ? TensorNames.Gguf : Names(tensors.FindTensor("wte.weight") is null ? "transformer." : ""),
            Rotary = _ => null,
            AttentionScale = layer => byLayer ? scale / (layer + 1) : scale,
            Activation = Activation.GeluTanh,
            Gated = false,
            ProjectionBias = Presence.Required,
            OutputBias = Presence.Required,
            FeedForwardBias = Presence.Required,
            LayerNorms = true,
            Transposed = !metadata.IsGguf,
            LearnedPositions = true,
            TiedHead = metadata.IsGguf ? null : metadata.Flag(null, "tie_word_embeddings", true),
            // The causal mask, which the published files carry as tensors.
            IsBuffer = name => name.EndsWith(".attn.bias", StringComparison.Ordinal) || name.EndsWith(".attn.masked_bias", StringComparison.Ordinal),
        };
    }

    private static TensorNames Names(string prefix) => new(prefix + "h.", new Dictionary<string, string>(LayerNames)
    {
        ["token_embd"] = prefix + "wte",
        ["position_embd"] = prefix + "wpe",
        ["output_norm"] = prefix + "ln_f",
        ["output"] = "lm_head",
    });
}
