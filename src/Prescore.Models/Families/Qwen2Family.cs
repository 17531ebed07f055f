namespace Prescore.Models.Families;

/// <summary>Qwen2 and 2.5 (Yang et al., arXiv 2407.10671): Llama with biases on queries, keys and values.</summary>
internal static class Qwen2Family
{
    public static DecoderPlan Plan(ModelMetadata metadata) => DecoderPlan.Read(metadata) with
    {
        ProjectionBias = Presence.Required,
        Window = SlidingWindows.OfUpper(metadata),
    };
}
