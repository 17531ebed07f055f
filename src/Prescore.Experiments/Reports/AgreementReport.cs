namespace Prescore.Experiments.Reports;

/// <summary>Result of <c>prescore study agreement</c>; <c>docs/json.md</c> describes every field.</summary>
public sealed record AgreementReport
{
    public int SchemaVersion { get; init; } = 1;

    public required FileIdentity Model { get; init; }

    public required FileIdentity Text { get; init; }

    public required int Context { get; init; }

    public required int Tokens { get; init; }

    public required ulong Seed { get; init; }

    public required int Threads { get; init; }

    public required IReadOnlyList<AgreementRow> Rows { get; init; }
}

/// <summary>One prompt continued by exact and by a method.</summary>
public sealed record AgreementRow
{
    public required string Name { get; init; }

    public required string Spec { get; init; }

    /// <summary>Where in the text the prompt begins, in tokens.</summary>
    public required int Start { get; init; }

    /// <summary>How many of the first tokens are the same; all of them where nothing differs.</summary>
    public required int Same { get; init; }

    /// <summary>Exact's largest logit less its second one, where the two part; null where they do not.</summary>
    public required double? Gap { get; init; }

    /// <summary>There, the method's logit of its own token less that of exact's; null where they do not part.</summary>
    public required double? Lead { get; init; }

    /// <summary>
    /// There, exact's logit of its own token less that of the method's: what the method's token has less of exact's
    /// log-probability, in nats. <see cref="Gap"/> where that is exact's second one; null where they do not part.
    /// </summary>
    public required double? Cost { get; init; }

    /// <summary>Exact's smallest such gap over its whole continuation: how close its closest choice was.</summary>
    public required double SmallestGap { get; init; }

    /// <summary>
    /// Root mean square, over exact's continuation, of how far the method moves the difference between the logits of exact's
    /// two likeliest tokens: a choice that was closer than this may fall either way.
    /// </summary>
    public required double GapChange { get; init; }

    /// <summary>Exact's token there.</summary>
    public required string? ExactToken { get; init; }

    /// <summary>The method's token there.</summary>
    public required string? MethodToken { get; init; }

    /// <summary>Of exact's own continuation, the share of tokens that the method too finds likeliest.</summary>
    public required double SameTop { get; init; }

    /// <summary>Interactions of prompt and continuation ÷ exact's.</summary>
    public required double Budget { get; init; }
}
