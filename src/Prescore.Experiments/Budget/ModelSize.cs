using Prescore.Models.Families;

namespace Prescore.Experiments.Budget;

/// <summary>What the plan of a study needs to know of a model.</summary>
/// <param name="Configuration">The model's sizes.</param>
internal sealed record ModelSize(ModelConfiguration Configuration)
{
    /// <summary>Operations a second of two cores in attention and in linear layers, for estimates alone.</summary>
    private const double OperationsPerSecond = 2e11;

    /// <summary>Reads a model.</summary>
    public static ModelSize Of(string path, CancellationToken cancellationToken)
    {
        using CausalModel model = CausalModel.Load(path, new ModelOptions { AllowLong = true }, cancellationToken);
        return new ModelSize(model.Configuration);
    }

    /// <summary>About how long a window takes on two cores.</summary>
    /// <param name="length">Tokens.</param>
    /// <param name="share">Part of exact attention's time that the method takes.</param>
    public double Seconds(int length, double share)
    {
        ModelConfiguration c = Configuration;
        double perLayer = (double)c.HiddenSize * ((2.0 * c.QueryHeads + 2.0 * c.KeyValueHeads) * c.HeadDimension + 3.0 * c.FeedForwardSize);
        double linear = 2 * (c.Layers * perLayer + (double)c.HiddenSize * c.VocabularySize) * length;
        double attention = 4.0 * c.HeadDimension * c.Layers * c.LayerShape(length).ExactInteractions(causal: true);
        return (linear + share * attention) / OperationsPerSecond;
    }
}
