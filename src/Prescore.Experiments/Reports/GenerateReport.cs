using Prescore.Generation;
using Prescore.Generation.Stopping;

namespace Prescore.Experiments.Reports;

/// <summary>Result of <c>prescore generate --json</c> and of every question of <c>prescore ask --json</c>.</summary>
public sealed record GenerateReport
{
    public int SchemaVersion { get; init; } = 1;

    public required FileIdentity Model { get; init; }

    public required string Attention { get; init; }

    public required ulong Seed { get; init; }

    public required int Threads { get; init; }

    public required IReadOnlyList<GeneratedText> Texts { get; init; }
}

/// <summary>One generated text.</summary>
public sealed record GeneratedText
{
    /// <summary>The question, or null where a prompt was continued.</summary>
    public string? Question { get; init; }

    public required string Text { get; init; }

    public required IReadOnlyList<int> Tokens { get; init; }

    /// <summary>Why it ended: end_token, stop_string, token_limit, context_limit or cancelled.</summary>
    public required string Reason { get; init; }

    public required int PromptTokens { get; init; }

    public required int CachedTokens { get; init; }

    public required double SecondsToFirstToken { get; init; }

    public required double Seconds { get; init; }

    public required double TokensPerSecond { get; init; }

    /// <summary>A report of a generation.</summary>
    public static GeneratedText Of(GenerationResult result, string? question = null) => new()
    {
        Question = question,
        Text = result.Text,
        Tokens = result.Tokens,
        Reason = result.Reason switch
        {
            StopReason.EndToken => "end_token",
            StopReason.StopString => "stop_string",
            StopReason.TokenLimit => "token_limit",
            StopReason.ContextLimit => "context_limit",
            _ => "cancelled",
        },
        PromptTokens = result.PromptTokens,
        CachedTokens = result.CachedTokens,
        SecondsToFirstToken = result.SecondsToFirstToken,
        Seconds = result.Seconds,
        TokensPerSecond = result.TokensPerSecond,
    };
}
