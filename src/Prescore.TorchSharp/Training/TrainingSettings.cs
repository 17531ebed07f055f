namespace Prescore.TorchSharp.Training;

/// <summary>How to train a classifier.</summary>
public sealed record TrainingSettings
{
    /// <summary>Passes over the training images.</summary>
    public int Epochs { get; init; } = 12;

    /// <summary>Of these, the first ones that see a quarter of an image's patches alone: a quarter of the time (PatchDropout, arXiv 2208.07220).</summary>
    public int SparseEpochs { get; init; }

    /// <summary>Images a step.</summary>
    public int BatchSize { get; init; } = 100;

    /// <summary>Largest learning rate of AdamW: reached after a tenth of the steps, then falling as a cosine to 0.</summary>
    public double LearningRate { get; init; } = 2e-3;

    /// <summary>Weight decay of AdamW.</summary>
    public double WeightDecay { get; init; } = 0.05;

    /// <summary>Part of the target that is spread over all classes.</summary>
    public double LabelSmoothing { get; init; } = 0.05;

    /// <summary>Most pixels that an image is shifted by in each direction; half of the images are mirrored as well.</summary>
    public int LargestShift { get; init; } = 2;

    /// <summary>Seed of initial weights, order of images, shifts and the methods' selections.</summary>
    public int Seed { get; init; }

    /// <summary>Attention in all layers, in the grammar of method specs.</summary>
    public string Method { get; init; } = "exact";

    /// <summary>Learning rate of a step.</summary>
    /// <param name="step">Step, from 0 on.</param>
    /// <param name="steps">Steps of the whole training.</param>
    public double RateAt(long step, long steps)
    {
        double warm = Math.Max(1, steps / 10.0);
        return step < warm
            ? LearningRate * (step + 1) / (warm + 1)
            : LearningRate * 0.5 * (1 + Math.Cos(Math.PI * (step - warm) / Math.Max(1, steps - warm)));
    }
}
