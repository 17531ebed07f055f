using Prescore.Models.Layers;

namespace Prescore.Models.Families;

/// <summary>
/// Llama (Touvron et al., arXiv 2302.13971; SmolLM2 is one): RMSNorm, rotary embedding, grouped-query attention, SwiGLU.
/// llama.cpp's converter permutes query and key rows so that rotary pairs are neighbours; Mistral's GGUF files are this
/// architecture too.
/// </summary>
internal static class LlamaFamily
{
    public static DecoderPlan Plan(ModelMetadata metadata)
    {
        Presence bias = metadata.IsGguf ? Presence.Optional : DecoderPlan.Required(metadata.Flag(null, "attention_bias", false));
        return DecoderPlan.Read(metadata, metadata.IsGguf ? RotaryPairing.Interleaved : RotaryPairing.Half) with
        {
            ProjectionBias = bias,
            OutputBias = bias,
            FeedForwardBias = DecoderPlan.Required(metadata.Flag(null, "mlp_bias", false)),
            Window = SlidingWindows.OfAll(metadata, fallback: 0),
        };
    }
}
