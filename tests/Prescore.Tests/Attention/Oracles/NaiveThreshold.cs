using Prescore.Attention.Clustered;

namespace Prescore.Tests.Attention.Oracles;

/// <summary>The choice of a threshold from probe records, straight from its definition.</summary>
internal static class NaiveThreshold
{
    /// <summary>θ of a step: nothing at step 0, then a quarter that falls by the cube root of 2 a step.</summary>
    public static double Share(int step) => step == 0 ? double.PositiveInfinity : 0.25 * Math.Pow(2, -(step - 1) / 3.0);

    /// <summary>The first step with at most a share, of steps with members; the last where none is.</summary>
    public static int StepOf(double share)
    {
        int step = 1;
        while (step < Thresholds.Count - 1 && Share(step) > share * (1 + 1e-12))
        {
            step++;
        }
        return step;
    }

    /// <summary>
    /// The first step whose pooled error is within 0.6 of the target, unless it costs as much as exact or no probe had half as
    /// many far keys. Blocks of probes count less by the decay for every later one.
    /// </summary>
    /// <param name="records">Records of all heads.</param>
    /// <param name="options">The settings.</param>
    /// <param name="head">Query head.</param>
    /// <param name="blockStart">Only earlier probes count.</param>
    /// <param name="far">Far keys of the block.</param>
    /// <param name="clusters">Their clusters.</param>
    public static int Choose(IReadOnlyList<ProbeRecord> records, ClusteredOptions options, int head, int blockStart, int far, int clusters)
    {
        var blocks = records.Where(record => record.Position < blockStart).GroupBy(record => record.Position / options.BlockSize).OrderBy(block => block.Key).ToList();
        double Pool(Func<ProbeRecord, double> part) =>
            blocks.Select((block, i) => Math.Pow(options.ProbeDecay, blocks.Count - 1 - i) * block.Where(record => record.Head == head).Sum(part)).Sum();

        double target = 0.6 * (options.TargetError ?? (options.Budget is null ? 0.1 : 0));
        double norm = Pool(record => record.SquaredNorm);
        if (!records.Any(record => record.Position < blockStart && 2 * record.Far >= far))
        {
            return Thresholds.Exact;
        }
        for (int step = 0; step <= options.LastThreshold && norm > 0; step++)
        {
            if (Math.Sqrt(Pool(record => record.SquaredErrors[step]) / norm) <= target)
            {
                double share = Pool(record => record.Selected[step]) / Pool(record => record.Far);
                return 2 * share * far + clusters >= far ? Thresholds.Exact : step;
            }
        }
        return Thresholds.Exact;
    }
}
