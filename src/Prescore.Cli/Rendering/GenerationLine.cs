using Prescore.Generation;
using Prescore.Generation.Stopping;

namespace Prescore.Cli.Rendering;

/// <summary>How long a generation took, in one line.</summary>
internal static class GenerationLine
{
    public static string Of(GenerationResult result)
    {
        string cached = result.CachedTokens > 0 ? $", {Numbers.Count(result.CachedTokens)} of them from the cache" : "";
        string prompt = $"prompt of {Numbers.Count(result.PromptTokens)} tokens{cached}";
        if (result.Tokens.Count == 0)
        {
            return $"{prompt}: interrupted after {Numbers.Seconds(result.Seconds)}";
        }
        string end = result.Reason switch
        {
            StopReason.TokenLimit => "; ended by --max-tokens",
            StopReason.ContextLimit => "; the model's context is full",
            StopReason.Cancelled => "; interrupted",
            _ => "",
        };
        return $"{prompt}: first token after {Numbers.Seconds(result.SecondsToFirstToken)} ({Numbers.Fixed(result.PromptTokensPerSecond, 0)} tokens/s); "
            + $"{result.Tokens.Count} tokens at {Numbers.Fixed(result.TokensPerSecond, 1)} tokens/s{end}";
    }
}
