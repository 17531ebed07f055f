namespace Prescore.Attention.Contracts;

/// <summary>The work one attention did; reports of several calls, layers or sequences add up.</summary>
public readonly record struct AttentionReport
{
    /// <summary>
    /// Query-side logits computed: selected keys, centroids, samples, probes (design, section 2). A key of which only a
    /// sketch was read counts as the sketch's part of the bytes of key and value.
    /// </summary>
    public long Interactions { get; init; }

    /// <summary>Pairs of a query and a key of which the sketches alone were compared; in <see cref="Interactions"/> at their cost.</summary>
    public long Screened { get; init; }

    /// <summary>What exact attention would have computed for the same queries.</summary>
    public long ExactInteractions { get; init; }

    /// <summary>Key-side products (key·centroid, key·key), counted apart from the budget.</summary>
    public long IndexProducts { get; init; }

    /// <summary>Wall seconds of the whole call, scoring, hashing, index and probes included.</summary>
    public double Seconds { get; init; }

    /// <summary>Of these, the share of the time spent on scores, selection, hashing and indices (wall seconds, estimated from thread time).</summary>
    public double IndexSeconds { get; init; }

    /// <summary>Selections that found the scores flat (coefficient of variation below 1e-3) and took evenly spaced keys.</summary>
    public long FlatSelections { get; init; }

    /// <summary>
    /// Certificates of a whole call, one a query head and sequence, of methods that measure their own error; null for
    /// others and for caches, which have them themselves (<see cref="ICertifiedCache"/>).
    /// </summary>
    public IReadOnlyList<HeadCertificate>? Certificates { get; init; }

    /// <summary>Interactions ÷ exact's, in 0..1 for every sensible method; 1 where there was nothing to compute.</summary>
    public double Budget => ExactInteractions == 0 ? 1 : (double)Interactions / ExactInteractions;


    /// <summary>Adds two reports.</summary>
    public static AttentionReport operator +(AttentionReport left, AttentionReport right) => new()
    {
        Interactions = left.Interactions + right.Interactions,
        Screened = left.Screened + right.Screened,
        ExactInteractions = left.ExactInteractions + right.ExactInteractions,
        IndexProducts = left.IndexProducts + right.IndexProducts,
        Seconds = left.Seconds + right.Seconds,
        IndexSeconds = left.IndexSeconds + right.IndexSeconds,
        FlatSelections = left.FlatSelections + right.FlatSelections,
        Certificates = left.Certificates is null || right.Certificates is null
            ? left.Certificates ?? right.Certificates
            : [.. left.Certificates, .. right.Certificates],
    };
}
