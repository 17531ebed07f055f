namespace Prescore.Models.Families;

/// <summary>Mistral (Jiang et al., arXiv 2310.06825): Llama whose queries see a window of keys in every layer.</summary>
internal static class MistralFamily
{
    /// <summary>The window of a configuration that says nothing of it: version 0.1's. Later versions say null.</summary>
    private const int DefaultWindow = 4096;

    public static DecoderPlan Plan(ModelMetadata metadata) =>
        DecoderPlan.Read(metadata) with { Window = SlidingWindows.OfAll(metadata, DefaultWindow) };
}
