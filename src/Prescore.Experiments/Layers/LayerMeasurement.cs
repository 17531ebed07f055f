using Prescore.Attention.Contracts;

namespace Prescore.Experiments.Layers;

/// <summary>What a method gave on some layers, and how long it took.</summary>
/// <param name="Outputs">Outputs of every layer.</param>
/// <param name="Report">Work and certificates of all layers; the seconds are sums of medians.</param>
internal sealed record LayerMeasurement(float[][] Outputs, AttentionReport Report)
{
    // Short runs are repeated: their median is shown.
    private const int MaximumRepetitions = 5;
    private const double RepetitionSeconds = 1;

    /// <summary>Runs and times a method on every layer.</summary>
    /// <param name="layers">The layers.</param>
    /// <param name="run">Runs a layer.</param>
    public static LayerMeasurement Of(IReadOnlyList<LayerTensors> layers, Func<LayerTensors, LayerRun> run)
    {
        var outputs = new float[layers.Count][];
        var report = new AttentionReport();
        double seconds = 0;
        double indexSeconds = 0;
        for (int layer = 0; layer < layers.Count; layer++)
        {
            var times = new List<double>();
            LayerRun last;
            do
            {
                last = run(layers[layer]);
                times.Add(last.Report.Seconds);
            }
            while (times.Count < MaximumRepetitions && times.Sum() < RepetitionSeconds);
            if (times.Count > 1)
            {
                // The first of several runs may still meet new code and cold caches.
                times.RemoveAt(0);
            }
            times.Sort();
            double median = 0.5 * (times[(times.Count - 1) / 2] + times[times.Count / 2]);
            seconds += median;
            indexSeconds += median * last.Report.IndexSeconds / last.Report.Seconds;
            report += last.Report;
            outputs[layer] = last.Output;
        }
        return new LayerMeasurement(outputs, report with { Seconds = seconds, IndexSeconds = indexSeconds });
    }

    /// <summary>Relative error against another method's outputs, pooled over the layers.</summary>
    public double ErrorAgainst(LayerMeasurement exact)
    {
        var error = new RelativeError();
        for (int layer = 0; layer < Outputs.Length; layer++)
        {
            error += RelativeError.Of(Outputs[layer], exact.Outputs[layer]);
        }
        return error.Value;
    }
}
