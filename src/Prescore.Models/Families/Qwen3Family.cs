namespace Prescore.Models.Families;

/// <summary>Qwen3 (Yang et al., arXiv 2505.09388): Llama with an RMSNorm on every query and key head before rotation.</summary>
internal static class Qwen3Family
{
    public static DecoderPlan Plan(ModelMetadata metadata)
    {
        Presence bias = DecoderPlan.Required(metadata.Flag(null, "attention_bias", false));
        return DecoderPlan.Read(metadata) with
        {
            HeadNorms = true,
            ProjectionBias = bias,
            OutputBias = bias,
            Window = SlidingWindows.OfUpper(metadata),
        };
    }
}
