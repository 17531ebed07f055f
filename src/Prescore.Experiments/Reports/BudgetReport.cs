namespace Prescore.Experiments.Reports;

/// <summary>Result of <c>prescore study budget</c>.</summary>
public sealed record BudgetReport
{
    public int SchemaVersion { get; init; } = 1;

    public required FileIdentity Model { get; init; }

    public required IReadOnlyList<FileIdentity> Texts { get; init; }

    public required IReadOnlyList<int> Lengths { get; init; }

    public required IReadOnlyList<double> Budgets { get; init; }

    /// <summary>Seeds of the methods that draw random numbers.</summary>
    public required int Seeds { get; init; }

    public required ulong FirstSeed { get; init; }

    public required int Threads { get; init; }

    /// <summary>Means over texts and seeds.</summary>
    public required IReadOnlyList<BudgetRow> Rows { get; init; }

    /// <summary>The paper's comparison, cell by cell.</summary>
    public required IReadOnlyList<PaperRow> Paper { get; init; }

    /// <summary>Every text, length, method, budget and seed.</summary>
    public required IReadOnlyList<BudgetCell> Cells { get; init; }
}

/// <summary>A method on one text.</summary>
public sealed record BudgetCell
{
    public required string Text { get; init; }

    public required string TextSha256 { get; init; }

    /// <summary>Tokens of the window.</summary>
    public required int N { get; init; }

    public required ulong Seed { get; init; }

    /// <summary>The method as it was asked for.</summary>
    public required string Name { get; init; }

    /// <summary>The method with all its sizes.</summary>
    public required string Spec { get; init; }

    /// <summary>Budget that the method's size was solved for; null: its size or target was given.</summary>
    public required double? WantedBudget { get; init; }

    /// <summary>Interactions ÷ exact's.</summary>
    public required double Budget { get; init; }

    /// <summary>Targets scored.</summary>
    public required int Targets { get; init; }

    /// <summary>Exact's mean negative log-likelihood of the same targets, nats a token.</summary>
    public required double ExactNll { get; init; }

    /// <summary>Mean negative log-likelihood, nats a token.</summary>
    public required double Nll { get; init; }

    /// <summary>Less exact's.</summary>
    public required double DeltaNll { get; init; }

    /// <summary>Standard error from means over blocks of 64 tokens.</summary>
    public required double DeltaNllSe { get; init; }

    /// <summary>Mean KL(exact‖method), nats.</summary>
    public required double Kl { get; init; }

    /// <summary>Share of predictions whose likeliest token is exact's.</summary>
    public required double Top1 { get; init; }

    public required double AttentionSeconds { get; init; }

    /// <summary>Sums of the loss over exact in blocks of 64 targets; kept while the study runs, null in its result.</summary>
    public required IReadOnlyList<double>? BlockSums { get; init; }
}

/// <summary>A method over texts and seeds.</summary>
public sealed record BudgetRow
{
    public required int N { get; init; }

    public required string Name { get; init; }

    public required double? WantedBudget { get; init; }

    public required double Budget { get; init; }

    public required double DeltaNll { get; init; }

    /// <summary>Standard error over tokens, texts and seeds.</summary>
    public required double DeltaNllSe { get; init; }

    public required double Kl { get; init; }

    public required double Top1 { get; init; }

    /// <summary>Number of texts and seeds.</summary>
    public required int Cells { get; init; }
}

/// <summary>One line of the paper's comparison.</summary>
public sealed record PaperRow
{
    public required string Text { get; init; }

    public required int N { get; init; }

    public required ulong Seed { get; init; }

    public required string Name { get; init; }

    public required double Budget { get; init; }

    /// <summary>e^nats of exact attention.</summary>
    public required double ExactPerplexity { get; init; }

    /// <summary>e^nats.</summary>
    public required double Perplexity { get; init; }

    /// <summary>2^nats, as the published figures were computed: no perplexity.</summary>
    public required double PublishedStyle { get; init; }

    /// <summary>Loss less HyperAttention's at the same budget; null for HyperAttention itself.</summary>
    public required PairedLoss? AgainstHyper { get; init; }

    /// <summary>For k-means: loss less leverage's at the same budget.</summary>
    public required PairedLoss? AgainstLeverage { get; init; }
}

/// <summary>A difference of two methods' losses on the same targets.</summary>
/// <param name="Mean">Nats a token.</param>
/// <param name="StandardError">From blocks of 64 tokens.</param>
public sealed record PairedLoss(double Mean, double StandardError);
