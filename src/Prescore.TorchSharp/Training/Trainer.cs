using System.Diagnostics;
using Prescore.Models.Evaluation.Images;
using Prescore.TorchSharp.Vision;
using TorchSharp;
using static TorchSharp.torch;

namespace Prescore.TorchSharp.Training;

/// <summary>How far a training is.</summary>
/// <param name="Epoch">Epochs that are done.</param>
/// <param name="Fraction">Fraction of all steps done, 0..1.</param>
/// <param name="Loss">Mean loss of the last steps.</param>
/// <param name="ImagesPerSecond">Images a second over the last steps.</param>
/// <param name="TestAccuracy">Accuracy on the test images after the epoch; null between epochs.</param>
public sealed record TrainingProgress(int Epoch, double Fraction, double Loss, double ImagesPerSecond, double? TestAccuracy);

/// <summary>Trains a vision transformer on labelled images, with a checkpoint after every epoch.</summary>
/// <param name="model">The model; its weights are changed in place.</param>
/// <param name="settings">How to train.</param>
public sealed class Trainer(VisionTransformer model, TrainingSettings settings)
{
    private const int ReportSteps = 20;
    private const int TestBatch = 250;

    /// <summary>Trains from the start, or from a checkpoint of the same settings where there is one.</summary>
    /// <param name="training">Training images.</param>
    /// <param name="test">Test images; looked at after every epoch, never used to choose anything.</param>
    /// <param name="checkpoint">Path of the checkpoint; null: none is written or read.</param>
    /// <param name="progress">Told every few steps and after every epoch.</param>
    /// <param name="cancellationToken">Stops between steps; the last checkpoint stays.</param>
    /// <returns>Accuracy on the test images at the end.</returns>
    /// <exception cref="Prescore.Models.Formats.ModelFormatException">The checkpoint is of another training, or damaged.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public double Run(
        LabelledImages training, LabelledImages test, string? checkpoint, IProgress<TrainingProgress>? progress = null, CancellationToken cancellationToken = default)
    {
        using var optimizer = new AdamW(model.NamedTensors(), settings.WeightDecay);
        var batches = new ImageBatches(training, model.Settings, settings.Seed, settings.LargestShift);
        int epoch = Resume(optimizer, checkpoint);
        double accuracy = 0;
        for (; epoch < settings.Epochs; epoch++)
        {
            RunEpoch(optimizer, batches, training.Count, epoch, progress, cancellationToken);
            if (checkpoint is not null)
            {
                TrainingCheckpoint.Save(checkpoint, State(optimizer), epoch + 1, optimizer.Steps, settings);
            }
            accuracy = Accuracy(test, cancellationToken);
            progress?.Report(new TrainingProgress(epoch + 1, (epoch + 1.0) / settings.Epochs, double.NaN, double.NaN, accuracy));
        }
        return accuracy > 0 ? accuracy : Accuracy(test, cancellationToken);
    }

    /// <summary>Fraction of images that the model classifies right.</summary>
    /// <param name="images">Images.</param>
    /// <param name="cancellationToken">Stops between batches.</param>
    public double Accuracy(LabelledImages images, CancellationToken cancellationToken = default)
    {
        var batches = new ImageBatches(images, model.Settings, settings.Seed, 0);
        long right = 0;
        using var noGradient = no_grad();
        for (int first = 0; first < images.Count; first += TestBatch)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using DisposeScope scope = NewDisposeScope();
            (Tensor pixels, Tensor labels) = batches.Plain([.. Enumerable.Range(first, Math.Min(TestBatch, images.Count - first))]);
            right += model.call(pixels).argmax(1).eq(labels).sum().item<long>();
        }
        return (double)right / images.Count;
    }

    private int Resume(AdamW optimizer, string? checkpoint)
    {
        if (checkpoint is null || !File.Exists(checkpoint))
        {
            return 0;
        }
        (int epoch, optimizer.Steps) = TrainingCheckpoint.Load(checkpoint, State(optimizer), settings);
        return epoch;
    }

    private IEnumerable<(string Name, Tensor Value)> State(AdamW optimizer) => [.. model.NamedTensors(), .. optimizer.Moments];

    private void RunEpoch(
        AdamW optimizer, ImageBatches batches, int images, int epoch, IProgress<TrainingProgress>? progress, CancellationToken cancellationToken)
    {
        int[] order = batches.Order(epoch);
        int perEpoch = images / settings.BatchSize;
        long steps = (long)perEpoch * settings.Epochs, start = Stopwatch.GetTimestamp();
        double loss = 0;
        for (int step = 0; step < perEpoch; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            using DisposeScope scope = NewDisposeScope();
            (Tensor pixels, Tensor labels) = batches.Augmented(order.AsSpan(step * settings.BatchSize, settings.BatchSize), epoch);
            Tensor? kept = epoch < settings.SparseEpochs ? batches.Patches(optimizer.Steps) : null;
            loss += Step(optimizer, pixels, kept, labels, steps);
            if ((step + 1) % ReportSteps == 0)
            {
                double seconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
                progress?.Report(new TrainingProgress(
                    epoch, (double)optimizer.Steps / steps, loss / ReportSteps, ReportSteps * settings.BatchSize / seconds, null));
                (loss, start) = (0, Stopwatch.GetTimestamp());
            }
        }
    }

    private double Step(AdamW optimizer, Tensor pixels, Tensor? kept, Tensor labels, long steps)
    {
        Tensor error = nn.functional.cross_entropy(model.Forward(pixels, kept), labels, label_smoothing: settings.LabelSmoothing);
        error.backward();
        optimizer.Step(settings.RateAt(optimizer.Steps, steps));
        return error.item<float>();
    }
}
