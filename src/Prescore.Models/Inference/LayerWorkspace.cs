using Prescore.Models.Families;

namespace Prescore.Models.Inference;

/// <summary>Activations of one chunk of rows, kept between chunks and layers; so a long prompt never holds n × feed-forward floats.</summary>
internal sealed class LayerWorkspace
{
    /// <summary>Rows a chunk.</summary>
    public const int MaxChunkRows = 768;

    private readonly ModelConfiguration _configuration;

    public LayerWorkspace(ModelConfiguration configuration)
    {
        _configuration = configuration;
    }

    /// <summary>RMSNorm's output, [rows, hidden].</summary>
    public float[] Normalised { get; private set; } = [];

    /// <summary>Output of a projection back to the residual stream, [rows, hidden].</summary>
    public float[] Projected { get; private set; } = [];

    /// <summary>Queries, keys and values side by side, [rows, (query heads + 2 · key/value heads) · d].</summary>
    public float[] QueriesKeysValues { get; private set; } = [];

    /// <summary>Gate and up projections side by side, [rows, 2 · feed-forward].</summary>
    public float[] GateAndUp { get; private set; } = [];

    /// <summary>Cosines for the rotary embedding, [rows, rotated dimensions].</summary>
    public float[] Cosines { get; private set; } = [];

    /// <summary>Signed sines for the rotary embedding, [rows, rotated dimensions].</summary>
    public float[] Sines { get; private set; } = [];

    /// <summary>Bytes held.</summary>
    public long Bytes => sizeof(float) *
        ((long)Normalised.Length + Projected.Length + QueriesKeysValues.Length + GateAndUp.Length + Cosines.Length + Sines.Length);

    /// <summary>Bytes of a workspace for chunks of <paramref name="rows"/> rows.</summary>
    public static long BytesFor(ModelConfiguration configuration, int rows) => sizeof(float) * (long)Math.Min(rows, MaxChunkRows) * (
        2L * configuration.HiddenSize + ProjectionWidth(configuration) + 2L * configuration.FeedForwardSize + 2L * configuration.RopeDimensions);

    /// <summary>Makes room for chunks of a prompt of <paramref name="rows"/> rows.</summary>
    public void Reserve(int rows)
    {
        int chunk = Math.Min(rows, MaxChunkRows);
        if (Normalised.Length >= chunk * _configuration.HiddenSize)
        {
            return;
        }
        Normalised = new float[chunk * _configuration.HiddenSize];
        Projected = new float[chunk * _configuration.HiddenSize];
        QueriesKeysValues = new float[checked(chunk * ProjectionWidth(_configuration))];
        GateAndUp = new float[checked(chunk * 2 * _configuration.FeedForwardSize)];
        Cosines = new float[chunk * _configuration.RopeDimensions];
        Sines = new float[chunk * _configuration.RopeDimensions];
    }

    private static int ProjectionWidth(ModelConfiguration configuration) =>
        (configuration.QueryHeads + 2 * configuration.KeyValueHeads) * configuration.HeadDimension;
}
