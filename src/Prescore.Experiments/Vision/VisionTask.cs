using Prescore.Models.Evaluation.Images;
using Prescore.Models.Families;
using Prescore.Models.Images;

namespace Prescore.Experiments.Vision;

/// <summary>Fashion-MNIST's test images as a model's inputs, and who says the class: the model's own classifier or a linear probe.</summary>
public sealed class VisionTask
{
    private readonly VisionModel _model;
    private readonly LinearProbe? _probe;
    private readonly LabelledImages _images;
    private readonly int _enlarge;

    /// <summary>Prepares a task.</summary>
    /// <param name="model">The model.</param>
    /// <param name="probe">A probe on (CLS, mean of the patches); null: the model's classifier.</param>
    /// <param name="images">Images and labels.</param>
    /// <param name="enlarge">How often every pixel is repeated in both directions; 1: the model's preprocessing is applied.</param>
    /// <exception cref="BadInputException">There is neither classifier nor probe, or they do not fit model or images.</exception>
    public VisionTask(VisionModel model, LinearProbe? probe, LabelledImages images, int enlarge)
    {
        int classes = probe?.Classes ?? model.Classes;
        if (classes <= images.Labels.Max())
        {
            throw new BadInputException(probe is null && classes == 0 ? "this model has no classifier; give a --probe" : $"{classes} classes do not fit the images");
        }
        if (probe is not null && probe.Features != 2 * model.Configuration.HiddenSize)
        {
            throw new BadInputException($"a probe of {probe.Features} features does not fit a model of hidden size {model.Configuration.HiddenSize}");
        }
        (_model, _probe, _images, _enlarge) = (model, probe, images, enlarge);
    }

    /// <summary>Number of images.</summary>
    public int Count => _images.Count;

    /// <summary>Tokens of one image.</summary>
    public int Tokens => _model.Embedding.Tokens(Input(0).Height, Input(0).Width);

    /// <summary>One image's input.</summary>
    public PixelValues Input(int index)
    {
        RgbImage image = RgbImage.FromGrey(_images.Width, _images.Height, _images[index]);
        return _enlarge == 1 ? _model.Preprocessing.Apply(image) : _model.Preprocessing.Normalise(image.Repeated(_enlarge));
    }

    /// <summary>The class of an image.</summary>
    public int Label(int index) => _images.Labels[index];

    /// <summary>The predicted class.</summary>
    public int Predict(VisionFeatures features)
    {
        float[] logits = _probe?.Logits(features.ClsAndPatchMean()) ?? _model.Classify(features);
        return Array.IndexOf(logits, logits.Max());
    }
}
