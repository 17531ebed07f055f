using Prescore.Attention.Contracts;

namespace Prescore.Experiments.Layers;

/// <summary>Independent standard normal numbers: no structure that a method could use, the worst case.</summary>
/// <param name="seed">Seed of the numbers.</param>
public sealed class GaussianLayers(ulong seed) : ILayerSource
{
    // The heads of the embedded model, so that its times compare.
    private const int QueryHeads = 9;
    private const int KeyValueHeads = 3;
    private const int HeadDimension = 64;

    /// <inheritdoc/>
    public string Description => "gaussian";

    /// <inheritdoc/>
    public int MaximumTokens => Array.MaxLength / (QueryHeads * HeadDimension);

    /// <inheritdoc/>
    public IReadOnlyList<LayerTensors> Load(int tokens, IProgress<StudyProgress>? progress, CancellationToken cancellationToken)
    {
        var random = new Random(HashCode.Combine(unchecked((int)seed), tokens));
        var shape = new AttentionShape
        {
            QueryHeads = QueryHeads,
            KeyValueHeads = KeyValueHeads,
            Queries = tokens,
            Keys = tokens,
            HeadDimension = HeadDimension,
        };
        LayerMemory.Require(shape, inputs: 1, outputs: 2);
        return [new LayerTensors(shape, Draw(random, QueryHeads, tokens), Draw(random, KeyValueHeads, tokens), Draw(random, KeyValueHeads, tokens))];
    }

    private static float[] Draw(Random random, int heads, int tokens)
    {
        float[] numbers = new float[checked(heads * tokens * HeadDimension)];
        for (int i = 0; i < numbers.Length; i++)
        {
            // Box and Muller; 1 − u keeps the logarithm's argument above 0.
            double radius = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble()));
            numbers[i] = (float)(radius * Math.Cos(2 * Math.PI * random.NextDouble()));
        }
        return numbers;
    }
}
