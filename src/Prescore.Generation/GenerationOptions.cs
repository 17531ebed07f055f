using Prescore.Generation.Sampling;

namespace Prescore.Generation;

/// <summary>What to generate and when to stop.</summary>
public sealed record GenerationOptions
{
    /// <summary>How tokens are chosen.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Most tokens to generate; at least 1.</summary>
    public int MaxTokens { get; init; } = 256;

    /// <summary>Strings that end the text and are not part of it.</summary>
    public IReadOnlyList<string> StopStrings { get; init; } = [];

    /// <summary>Whether to go on after tokens that end a text.</summary>
    public bool IgnoresEnd { get; init; }
}
