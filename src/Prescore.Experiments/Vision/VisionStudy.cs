using Prescore.Attention;
using Prescore.Attention.Contracts;
using Prescore.Experiments.Reports;
using Prescore.Models.Families;
using Prescore.Models.Inference;

namespace Prescore.Experiments.Vision;

/// <summary>
/// Accuracy and agreement with exact attention at a few keys a query, all layers replaced, for every form and seed. Cells
/// that a report already holds are not computed again.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="task">Images and predictions.</param>
/// <param name="threads">Number of threads.</param>
public sealed class VisionStudy(VisionModel model, VisionTask task, int threads)
{
    /// <summary>Runs exact attention on all images.</summary>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public VisionReference Exact(IProgress<StudyProgress>? progress, CancellationToken cancellationToken)
    {
        var reference = new VisionReference(new float[task.Count][], new int[task.Count]);
        Run("exact", 0, reference.Features, reference.Predictions, progress, cancellationToken);
        return reference;
    }

    /// <summary>Runs one cell.</summary>
    /// <param name="form">How keys are spent.</param>
    /// <param name="keys">How many.</param>
    /// <param name="seed">Seed of everything random.</param>
    /// <param name="exact">What exact attention gave.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops the work.</param>
    public VisionRow Cell(
        VisionForm form, int keys, ulong seed, VisionReference exact, IProgress<StudyProgress>? progress, CancellationToken cancellationToken)
    {
        var features = new float[task.Count][];
        var predictions = new int[task.Count];
        string spec = form.Spec(keys, task.Tokens);
        AttentionReport report = Run(spec, seed, features, predictions, progress, cancellationToken);
        double error = 0, norm = 0;
        for (int i = 0; i < task.Count; i++)
        {
            error += features[i].Zip(exact.Features[i], (a, b) => Math.Pow(a - b, 2)).Sum();
            norm += exact.Features[i].Sum(x => (double)x * x);
        }
        double[] differences = [.. Enumerable.Range(0, task.Count).Select(i =>
            Convert.ToDouble(predictions[i] == task.Label(i)) - Convert.ToDouble(exact.Predictions[i] == task.Label(i)))];
        double mean = differences.Average();
        return new VisionRow
        {
            Form = form.Name,
            Keys = keys,
            Seed = seed,
            Method = spec,
            Accuracy = predictions.Where((prediction, i) => prediction == task.Label(i)).Count() / (double)task.Count,
            Difference = mean,
            DifferenceError = Math.Sqrt(differences.Sum(x => (x - mean) * (x - mean)) / Math.Max(1, task.Count - 1) / task.Count),
            Agreement = predictions.Zip(exact.Predictions).Count(pair => pair.First == pair.Second) / (double)task.Count,
            FeatureError = Math.Sqrt(error / norm),
            Budget = report.Budget,
        };
    }

    private AttentionReport Run(
        string spec, ulong seed, float[][] features, int[] predictions, IProgress<StudyProgress>? progress, CancellationToken cancellationToken)
    {
        int done = 0;
        return VisionBatch.Run(
            model,
            AttentionMethods.Create(spec),
            new AttentionOptions { Threads = threads, Seed = seed },
            task.Count,
            task.Input,
            (i, result) =>
            {
                features[i] = result.ClsAndPatchMean();
                predictions[i] = task.Predict(result);
                progress?.Report(new StudyProgress((double)Interlocked.Increment(ref done) / task.Count, spec));
            },
            cancellationToken);
    }
}

/// <summary>What exact attention gives.</summary>
/// <param name="Features">CLS and mean of the patches of every image.</param>
/// <param name="Predictions">Class of every image.</param>
public sealed record VisionReference(float[][] Features, int[] Predictions);
