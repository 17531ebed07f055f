using Prescore.Models.Layers;

namespace Prescore.Models.Families;

/// <summary>
/// The text part of Gemma 3 (arXiv 2503.19786): layers with a window between those without, each kind with its own rotary
/// base; norms before and after every branch; scaled embeddings. Hugging Face's files store norm weights less 1.
/// </summary>
internal static class Gemma3Family
{
    /// <summary>One layer of so many sees all keys, where the file does not say.</summary>
    private const int Pattern = 6;

    private const double LocalBase = 10000;

    public static DecoderPlan Plan(ModelMetadata metadata)
    {
        ModelConfiguration sizes = DecoderSizes.Read(metadata);
        int pattern = Math.Max(1, metadata.Count("attention.sliding_window_pattern", "sliding_window_pattern", Pattern));
        Func<int, int?> windows = SlidingWindows.OfSome(metadata, layer => (layer + 1) % pattern != 0);
        RotaryPlan global = RotaryMetadata.Read(metadata, sizes.HeadDimension, sizes.TrainedContext, RotaryPairing.Half);
        RotaryPlan local = ReadLocal(metadata, sizes, global);
        DecoderPlan.RequireActivation(metadata, "hidden_activation", Activation.GeluTanh);
        RefuseCaps(metadata);
        float scale = (float)(1 / Math.Sqrt(metadata.Number(null, "query_pre_attn_scalar", DefaultScalar(metadata, sizes))));
        double cap = metadata.Number("final_logit_softcapping", "final_logit_softcapping", 0);
        return new DecoderPlan
        {
            Configuration = sizes,
            NormEpsilon = DecoderPlan.ReadEpsilon(metadata, "attention.layer_norm_rms_epsilon", "rms_norm_eps"),
            Names = metadata.IsGguf ? TensorNames.Gguf : TensorNames.HuggingFace.With(
                ("ffn_norm", "pre_feedforward_layernorm"),
                ("post_attention_norm", "post_attention_layernorm"),
                ("post_ffw_norm", "post_feedforward_layernorm")),
            Rotary = layer => windows(layer) is null ? global : local,
            Window = windows,
            AttentionScale = _ => scale,
            Activation = Activation.GeluTanh,
            ProjectionBias = DecoderPlan.Required(metadata.Flag(null, "attention_bias", false)),
            HeadNorms = true,
            BranchNorms = true,
            NormOffset = metadata.IsGguf ? 0 : 1,
            EmbeddingScale = MathF.Sqrt(sizes.HiddenSize),
            TiedHead = metadata.IsGguf ? null : metadata.Flag(null, "tie_word_embeddings", true),
            LogitCap = cap > 0 ? (float)cap : null,
        };
    }

    private static RotaryPlan ReadLocal(ModelMetadata metadata, ModelConfiguration sizes, RotaryPlan global)
    {
        double theta = metadata.Number("rope.freq_base_swa", "rope_local_base_freq", LocalBase);
        if (metadata is ConfigModelMetadata config && config.Object("rope_parameters") is { } parameters && parameters.TryGetProperty("sliding_attention", out _))
        {
            return RotaryMetadata.Read(metadata, sizes.HeadDimension, sizes.TrainedContext, RotaryPairing.Half, "sliding_attention");
        }
        return theta > 1 ? new RotaryPlan(global.Settings with { Base = theta }) : throw metadata.Unsupported("rope_local_base_freq", theta);
    }

    /// <summary>GGUF files do not hold the scalar: it is the head's size, save in the 27B model of 62 layers.</summary>
    private static double DefaultScalar(ModelMetadata metadata, ModelConfiguration sizes) =>
        !metadata.IsGguf ? 256 : sizes.Layers == 62 ? sizes.HiddenSize / (double)sizes.QueryHeads : sizes.HeadDimension;

    private static void RefuseCaps(ModelMetadata metadata)
    {
        double cap = metadata.Number("attn_logit_softcapping", "attn_logit_softcapping", 0);
        if (cap != 0)
        {
            throw metadata.Unsupported(metadata.NameOf("attn_logit_softcapping", "attn_logit_softcapping"), cap);
        }
        if (metadata.Flag(null, "use_bidirectional_attention", false))
        {
            throw metadata.Unsupported("use_bidirectional_attention", true);
        }
    }
}
