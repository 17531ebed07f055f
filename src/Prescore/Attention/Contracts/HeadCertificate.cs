namespace Prescore.Attention.Contracts;

/// <summary>
/// What exact probe queries measured about one query head of Clustered attention. The errors are out of sample: every
/// probe was judged at the threshold that earlier probes had chosen. An estimate with its count and interval, not a bound.
/// </summary>
public record HeadCertificate
{
    /// <summary>Model layer, from 0.</summary>
    public required int Layer { get; init; }

    /// <summary>Query head, from 0.</summary>
    public required int Head { get; init; }

    /// <summary>Number of probe queries.</summary>
    public required int Probes { get; init; }

    /// <summary>
    /// Relative error of the head's output over all probes, √(Σ‖ô−o‖² / Σ‖o‖²), in which a probe counts as often as there are
    /// blocks that it stands for; 0 without probes.
    /// </summary>
    public required double Error { get; init; }

    /// <summary>Lower end of the 90 % interval of <see cref="Error"/>.</summary>
    public required double ErrorLow { get; init; }

    /// <summary>Upper end of the 90 % interval of <see cref="Error"/>.</summary>
    public required double ErrorHigh { get; init; }

    /// <summary>95th percentile of the single probes' relative errors, counted likewise.</summary>
    public required double Percentile95 { get; init; }

    /// <summary>Largest relative error of a single probe.</summary>
    public required double Worst { get; init; }

    /// <summary>
    /// θ now: a far key that by its sketch has at least this share of a query's attention is computed; 1: none is; null:
    /// all are, the head is exact.
    /// </summary>
    public required double? Share { get; init; }

    /// <summary>Sketches read.</summary>
    public required long Screened { get; init; }

    /// <summary>Logits computed for this head: near, centroids, selected keys and probes; a sketch read counts as its part of the bytes of a key and value.</summary>
    public required long Interactions { get; init; }

    /// <summary>What exact attention would have computed.</summary>
    public required long ExactInteractions { get; init; }

    /// <summary>Blocks of queries that had a far part.</summary>
    public required int Blocks { get; init; }

    /// <summary>Of these, blocks that were exact: no threshold reached the target, nothing had been probed, or exact was cheaper.</summary>
    public required int ExactBlocks { get; init; }

    /// <summary>Blocks in which the budget kept queries from keys that the target asked for.</summary>
    public required int UnmetBlocks { get; init; }

    /// <summary>Interactions ÷ exact's.</summary>
    public double Budget => ExactInteractions == 0 ? 1 : (double)Interactions / ExactInteractions;
}
