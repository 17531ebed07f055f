namespace Prescore.Models.Architectures;

/// <summary>Activations of one chunk of rows, kept between chunks and layers; so a long prompt never holds n × feed-forward floats.</summary>
internal sealed class LayerWorkspace(ModelConfiguration configuration)
{
    /// <summary>Rows a chunk.</summary>
    public const int ChunkRows = 512;

    public float[] Normalised { get; } = new float[ChunkRows * configuration.HiddenSize];

    public float[] Projected { get; } = new float[ChunkRows * configuration.HiddenSize];

    public float[] QueriesKeysValues { get; } =
        new float[ChunkRows * (configuration.QueryHeads + 2 * configuration.KeyValueHeads) * configuration.HeadDimension];

    /// <summary>Gate and up projections side by side, [rows, 2 · feed-forward].</summary>
    public float[] GateAndUp { get; } = new float[ChunkRows * 2 * configuration.FeedForwardSize];

    /// <summary>Bytes a workspace holds.</summary>
    public static long BytesFor(ModelConfiguration configuration) => sizeof(float) * (long)ChunkRows *
        (2L * configuration.HiddenSize + (configuration.QueryHeads + 2L * configuration.KeyValueHeads) * configuration.HeadDimension + 2L * configuration.FeedForwardSize);
}
