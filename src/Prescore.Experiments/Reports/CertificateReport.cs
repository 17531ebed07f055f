using Prescore.Attention.Contracts;

namespace Prescore.Experiments.Reports;

/// <summary>
/// What a method that measures its own error certified in a run: measured estimates, not bounds. Every head of every layer and window counts once in the
/// figures below; windows are independent sequences, and their certificates are not merged.
/// </summary>
public sealed record CertificateReport
{
    /// <summary>Target error ε; null where a budget alone was asked for.</summary>
    public required double? TargetError { get; init; }

    /// <summary>Heads (of layers and windows) with at least one probe; the errors are over these.</summary>
    public required int CertifiedHeads { get; init; }

    /// <summary>Probe queries in all.</summary>
    public required long Probes { get; init; }

    /// <summary>Median of the heads' errors; null without probes.</summary>
    public required double? MedianError { get; init; }

    /// <summary>95th percentile of the heads' errors (nearest rank); null without probes.</summary>
    public required double? Percentile95Error { get; init; }

    /// <summary>Largest error of a head; null without probes.</summary>
    public required double? WorstError { get; init; }

    /// <summary>Heads that were exact at the end, because no cheaper setting met the target.</summary>
    public required int ExactHeads { get; init; }

    /// <summary>Heads that a budget kept from their target in at least half of their blocks; null without a target.</summary>
    public required int? UnmetHeads { get; init; }

    /// <summary>Every head, by window, layer and number.</summary>
    public required IReadOnlyList<CertifiedHead> Heads { get; init; }

    /// <summary>The head with the largest error; null without probes.</summary>
    public CertifiedHead? Worst() => Heads.Where(head => head.Probes > 0).MaxBy(head => head.Error);

    /// <summary>Sums up a method's certificates; null where it has none.</summary>
    /// <param name="method">The method.</param>
    /// <param name="windows">The certificates of each window.</param>
    public static CertificateReport? Of(IAttention method, IReadOnlyList<IReadOnlyList<HeadCertificate>> windows)
    {
        if (windows.All(window => window.Count == 0))
        {
            return null;
        }
        double? target = (method as ICertifiedAttention)?.TargetError;
        CertifiedHead[] heads =
        [
            .. windows.SelectMany((window, i) => window.Select(head => CertifiedHead.Of(head, i, hasTarget: target is not null)))
                .OrderBy(head => (head.Window, head.Layer, head.Head)),
        ];
        double[] errors = [.. heads.Where(head => head.Probes > 0).Select(head => head.Error).Order()];
        return new CertificateReport
        {
            TargetError = target,
            CertifiedHeads = errors.Length,
            Probes = heads.Sum(head => (long)head.Probes),
            MedianError = errors.Length == 0 ? null : 0.5 * (errors[(errors.Length - 1) / 2] + errors[errors.Length / 2]),
            Percentile95Error = errors.Length == 0 ? null : errors[(int)Math.Ceiling(0.95 * errors.Length) - 1],
            WorstError = errors.Length == 0 ? null : errors[^1],
            ExactHeads = heads.Count(head => head.State == HeadState.Exact),
            UnmetHeads = target is null ? null : heads.Count(head => head.State == HeadState.Unmet),
            Heads = heads,
        };
    }
}
