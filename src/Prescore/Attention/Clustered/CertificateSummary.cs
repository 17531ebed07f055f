using Prescore.Attention.Contracts;

namespace Prescore.Attention.Clustered;

/// <summary>
/// Turns the probe records of the query heads that share keys and values into their certificates. Probe blocks are not equally
/// far apart: a probe counts as many times as there are blocks that it stands for.
/// </summary>
/// <remarks>
/// The 90 % interval is that of a ratio of sums over blocks, with two corrections without which it is too narrow where a head's
/// few blocks happen to agree. Student's t takes the place of the normal distribution, with as many degrees of freedom as the
/// unequally weighted blocks are worth; and the relative variance is the mean of the head's own and of that of all heads of the
/// group: a variance of seven or eight numbers is known to a half only, and the heads of a group have errors of one kind.
/// </remarks>
internal static class CertificateSummary
{
    /// <summary>Fills the error figures; the other properties are the caller's.</summary>
    /// <param name="heads">All probes of each head of the group, in order of position.</param>
    /// <param name="blockSize">Tokens a block: probes of one block are not independent of each other.</param>
    /// <param name="rest">The certificates with everything but the errors.</param>
    public static IEnumerable<HeadCertificate> Of(
        IReadOnlyList<IReadOnlyList<ProbeRecord>> heads, int blockSize, IReadOnlyList<HeadCertificate> rest)
    {
        ErrorEstimate?[] estimates = [.. heads.Select(records => ErrorEstimate.Of(records, blockSize))];
        double common = estimates.Where(estimate => estimate?.Ratio > 0).Select(estimate => estimate!.Value.RelativeVariance).DefaultIfEmpty(0).Average();
        for (int head = 0; head < heads.Count; head++)
        {
            HeadCertificate certificate = rest[head] with { Probes = heads[head].Count };
            yield return estimates[head] is { } estimate ? Fill(certificate, heads[head], estimate, common) : certificate;
        }
    }

    private static HeadCertificate Fill(HeadCertificate certificate, IReadOnlyList<ProbeRecord> records, ErrorEstimate estimate, double common)
    {
        double spread = Quantile95(estimate.DegreesOfFreedom) * Math.Sqrt((estimate.RelativeVariance + common) / 2);
        return certificate with
        {
            Error = Math.Sqrt(estimate.Ratio),
            ErrorLow = Math.Sqrt(estimate.Ratio * Math.Max(0, 1 - spread)),
            ErrorHigh = Math.Sqrt(estimate.Ratio * (1 + spread)),
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

    /// <summary>
    /// What 95 % of Student's t lie below, for at least two degrees of freedom (1 % too low there, 0.1 % at four): Abramowitz and
    /// Stegun, Handbook of Mathematical Functions, 26.7.5, at the normal distribution's 1.645.
    /// </summary>
    private static double Quantile95(double degrees) => 1.6449 + (1.5238 + (1.4199 + 0.9832 / degrees) / degrees) / degrees;

    /// <summary>A head's squared relative error and how well its probes know it.</summary>
    /// <param name="Ratio">Σ‖ô − o‖² / Σ‖o‖².</param>
    /// <param name="RelativeVariance">Variance of the ratio, divided by its square.</param>
    /// <param name="DegreesOfFreedom">Of that variance.</param>
    private readonly record struct ErrorEstimate(double Ratio, double RelativeVariance, double DegreesOfFreedom)
    {
        /// <summary>The estimate from a ratio of sums over clusters of probes (blocks): Cochran, Sampling Techniques, 6.4; null where outputs are 0.</summary>
        public static ErrorEstimate? Of(IReadOnlyList<ProbeRecord> records, int blockSize)
        {
            (double Error, double Norm)[] blocks =
            [
                .. records.GroupBy(record => record.Position / blockSize).Select(block => (
                    block.Sum(record => record.Blocks * record.SquaredErrorInUse), block.Sum(record => record.Blocks * record.SquaredNorm))),
            ];
            double norm = blocks.Sum(block => block.Norm), error = blocks.Sum(block => block.Error);
            if (norm == 0)
            {
                return null;
            }
            double ratio = error / norm;
            double squares = blocks.Sum(block => Math.Pow(block.Error - ratio * block.Norm, 2));
            // One block says nothing of how blocks differ: as if they differed by all of the error.
            double variance = ratio == 0 ? 0 : blocks.Length == 1 ? 1 : squares / (error * error) * blocks.Length / (blocks.Length - 1);
            double worth = norm * norm / blocks.Sum(block => block.Norm * block.Norm);
            return new ErrorEstimate(ratio, variance, Math.Max(2, worth - 1));
        }
    }
}
