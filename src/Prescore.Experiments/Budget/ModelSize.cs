using Prescore.Attention.Contracts;
using Prescore.Models.Families;

namespace Prescore.Experiments.Budget;

/// <summary>What the plan of a study needs to know of a model.</summary>
/// <param name="TrainedContext">Tokens that the model can take without scaling.</param>
/// <param name="Layers">Number of layers.</param>
/// <param name="QueryHeads">Query heads of a layer.</param>
/// <param name="KeyValueHeads">Key/value heads of a layer.</param>
/// <param name="HeadDimension">Size of a head.</param>
/// <param name="Parameters">Weights that a token passes through.</param>
internal sealed record ModelSize(int TrainedContext, int Layers, int QueryHeads, int KeyValueHeads, int HeadDimension, double Parameters)
{
    /// <summary>Operations a second of two cores in attention and in linear layers, for estimates alone.</summary>
    private const double OperationsPerSecond = 2e11;

    /// <summary>Reads a model.</summary>
    public static ModelSize Of(string path, CancellationToken cancellationToken)
    {
        using CausalModel model = CausalModel.Load(path, new ModelOptions { AllowLong = true }, cancellationToken);
        var c = model.Configuration;
        double perLayer = (double)c.HiddenSize * ((2.0 * c.QueryHeads + 2.0 * c.KeyValueHeads) * c.HeadDimension + 3.0 * c.FeedForwardSize);
        return new ModelSize(
            c.TrainedContext, c.Layers, c.QueryHeads, c.KeyValueHeads, c.HeadDimension, c.Layers * perLayer + (double)c.HiddenSize * c.VocabularySize);
    }

    /// <summary>Shape of a layer's attention.</summary>
    public AttentionShape Shape(int length) => new()
    {
        QueryHeads = QueryHeads,
        KeyValueHeads = KeyValueHeads,
        Queries = length,
        Keys = length,
        HeadDimension = HeadDimension,
    };

    /// <summary>About how long a window takes on two cores.</summary>
    /// <param name="length">Tokens.</param>
    /// <param name="share">Part of exact attention's time that the method takes.</param>
    public double Seconds(int length, double share)
    {
        double linear = 2 * Parameters * length, attention = 4.0 * HeadDimension * Layers * Shape(length).ExactInteractions(causal: true);
        return (linear + share * attention) / OperationsPerSecond;
    }
}
