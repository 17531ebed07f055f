using Prescore.Models.Layers;

namespace Prescore.Models.Families;

/// <summary>GLM-4 in Hugging Face's own layout: half of a head is rotated, neighbours are pairs; gate and up are one tensor.</summary>
internal static class GlmFamily
{
    public static DecoderPlan Plan(ModelMetadata metadata)
    {
        DecoderPlan plan = DecoderPlan.Read(metadata, RotaryPairing.Interleaved);
        // What the configuration class assumes where the file says nothing.
        RotaryPlan rotary = RotaryMetadata.Read(
            metadata, plan.Configuration.HeadDimension, plan.Configuration.TrainedContext, RotaryPairing.Interleaved, defaultShare: 0.5);
        return plan with
        {
            Rotary = _ => rotary,
            Names = TensorNames.HuggingFace.With(("ffn_up", "mlp.gate_up_proj")),
            FusedGate = true,
            ProjectionBias = DecoderPlan.Required(metadata.Flag(null, "attention_bias", false)),
        };
    }
}
