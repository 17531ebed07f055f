namespace Prescore.Generation.Sampling;

/// <summary>
/// How the next token is chosen. The filters work in this order: repetition penalty, temperature, top-k, top-p, min-p;
/// the defaults are greedy.
/// </summary>
public sealed record SamplingOptions
{
    /// <summary>Divides the logits: 0 always takes the likeliest token, 1 draws from the model's own distribution. At least 0.</summary>
    public double Temperature { get; init; }

    /// <summary>Only the likeliest k tokens may be drawn; 0: all.</summary>
    public int TopK { get; init; }

    /// <summary>Only the likeliest tokens that together have this probability may be drawn (arXiv 1904.09751); in 0..1, 1: all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Only tokens with at least this share of the likeliest one's probability may be drawn (arXiv 2407.01082); in 0..1, 0: all.</summary>
    public double MinP { get; init; }

    /// <summary>Logits of tokens that occurred are divided by it where positive, else multiplied (arXiv 1909.05858); above 0, 1: not at all.</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>How many of the last tokens count as having occurred; at least 0.</summary>
    public int RepetitionWindow { get; init; } = 64;

    /// <summary>Seed: the same seed, prompt and options give the same text.</summary>
    public ulong Seed { get; init; }

    /// <summary>Refuses values out of range.</summary>
    /// <exception cref="ArgumentOutOfRangeException">One is.</exception>
    public void Validate()
    {
        Require(double.IsFinite(Temperature) && Temperature >= 0, nameof(Temperature), Temperature);
        Require(TopK >= 0, nameof(TopK), TopK);
        Require(TopP is > 0 and <= 1, nameof(TopP), TopP);
        Require(MinP is >= 0 and <= 1, nameof(MinP), MinP);
        Require(double.IsFinite(RepetitionPenalty) && RepetitionPenalty > 0, nameof(RepetitionPenalty), RepetitionPenalty);
        Require(RepetitionWindow >= 0, nameof(RepetitionWindow), RepetitionWindow);
    }

    private static void Require(bool holds, string name, object value)
    {
        if (!holds)
        {
            throw new ArgumentOutOfRangeException(name, value, "out of range");
        }
    }
}
