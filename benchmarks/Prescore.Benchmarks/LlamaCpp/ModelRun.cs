namespace Prescore.Benchmarks.LlamaCpp;

/// <summary>One run of one side.</summary>
/// <param name="PrefillSeconds">Until the logits after the prompt: the time to the first token.</param>
/// <param name="DecodeSeconds">For all following tokens, logits included.</param>
/// <param name="Logits">After the prompt and after each following token, [vocabulary] each.</param>
internal sealed record ModelRun(double PrefillSeconds, double DecodeSeconds, float[][] Logits)
{
    /// <summary>Attention's part of the prefill, where it is known.</summary>
    public double PrefillAttentionSeconds { get; init; }

    /// <summary>Attention's part of decoding, where it is known.</summary>
    public double DecodeAttentionSeconds { get; init; }

    /// <summary>Medians of the times of several runs, with the first one's logits.</summary>
    public static ModelRun Median(IReadOnlyList<ModelRun> runs) =>
        new(Median(runs.Select(run => run.PrefillSeconds)), Median(runs.Select(run => run.DecodeSeconds)), runs[0].Logits)
        {
            PrefillAttentionSeconds = Median(runs.Select(run => run.PrefillAttentionSeconds)),
            DecodeAttentionSeconds = Median(runs.Select(run => run.DecodeAttentionSeconds)),
        };

    private static double Median(IEnumerable<double> values)
    {
        double[] sorted = [.. values.Order()];
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
