using Prescore.Attention.Contracts;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Turns the probe records of one head into its certificate. Probe blocks are not equally far apart: a probe counts as many
/// times as there are blocks that it stands for.
/// </summary>
internal static class CertificateSummary
{
    /// <summary>Standard errors on either side of a 90 % interval.</summary>
    private const double Normal90 = 1.645;

    /// <summary>Fills the error figures; the other properties are the caller's.</summary>
    /// <param name="records">All probes of the head, in order of position.</param>
    /// <param name="blockSize">Tokens a block: probes of one block are not independent of each other.</param>
    /// <param name="rest">The certificate with everything but the errors.</param>
    public static HeadCertificate Of(IReadOnlyList<ProbeRecord> records, int blockSize, HeadCertificate rest)
    {
        double norm = records.Sum(record => record.Blocks * record.SquaredNorm);
        if (norm == 0)
        {
            return rest with { Probes = records.Count };
        }
        double ratio = records.Sum(record => record.Blocks * record.SquaredErrorInUse) / norm;
        double spread = Normal90 * StandardError(records, blockSize, ratio, norm);
        return rest with
        {
            Probes = records.Count,
            Error = Math.Sqrt(ratio),
            ErrorLow = Math.Sqrt(Math.Max(0, ratio - spread)),
            ErrorHigh = Math.Sqrt(ratio + spread),
            Percentile95 = Percentile(records, 0.95),
            Worst = records.Max(Relative),
        };
    }

    private static double Relative(ProbeRecord record) =>
        record.SquaredNorm == 0 ? 0 : Math.Sqrt(record.SquaredErrorInUse / record.SquaredNorm);

    /// <summary>The smallest single error that a part of all blocks' probes does not exceed.</summary>
    private static double Percentile(IReadOnlyList<ProbeRecord> records, double part)
    {
        double[] errors = [.. records.SelectMany(record => Enumerable.Repeat(Relative(record), record.Blocks)).Order()];
        return errors[(int)Math.Ceiling(part * errors.Length) - 1];
    }

    /// <summary>Standard error of Σe/Σo, a ratio of sums over clusters of probes (blocks): Cochran, Sampling Techniques, 6.4.</summary>
    private static double StandardError(IReadOnlyList<ProbeRecord> records, int blockSize, double ratio, double norm)
    {
        double[] deviations =
        [
            .. records.GroupBy(record => record.Position / blockSize)
                .Select(block => block.Sum(record => record.Blocks * (record.SquaredErrorInUse - ratio * record.SquaredNorm))),
        ];
        int blocks = deviations.Length;
        return blocks < 2 ? ratio : Math.Sqrt(deviations.Sum(d => d * d) * blocks / (blocks - 1)) / norm;
    }
}
