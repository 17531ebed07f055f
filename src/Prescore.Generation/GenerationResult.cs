using Prescore.Generation.Stopping;

namespace Prescore.Generation;

/// <summary>What was generated and how long it took.</summary>
public sealed record GenerationResult
{
    /// <summary>The text, without stop string and end token.</summary>
    public required string Text { get; init; }

    /// <summary>Generated tokens, the one that ended the text included.</summary>
    public required IReadOnlyList<int> Tokens { get; init; }

    /// <summary>Why it ended.</summary>
    public required StopReason Reason { get; init; }

    /// <summary>Tokens of the prompt.</summary>
    public required int PromptTokens { get; init; }

    /// <summary>Of these, how many were in the cache already.</summary>
    public required int CachedTokens { get; init; }

    /// <summary>Seconds until the first token was chosen.</summary>
    public required double SecondsToFirstToken { get; init; }

    /// <summary>Seconds for all.</summary>
    public required double Seconds { get; init; }

    /// <summary>Tokens a second after the first one; 0 where there was one at most.</summary>
    public double TokensPerSecond => Tokens.Count > 1 && Seconds > SecondsToFirstToken ? (Tokens.Count - 1) / (Seconds - SecondsToFirstToken) : 0;

    /// <summary>Prompt tokens a second that were not in the cache.</summary>
    public double PromptTokensPerSecond => SecondsToFirstToken > 0 ? (PromptTokens - CachedTokens) / SecondsToFirstToken : 0;
}
