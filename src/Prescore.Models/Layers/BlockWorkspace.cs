namespace Prescore.Models.Layers;

/// <summary>
/// Activations of one chunk of rows, kept between chunks and blocks, so that a long prompt never holds n × feed-forward
/// floats. Not safe for concurrent use.
/// </summary>
public sealed class BlockWorkspace
{
    /// <summary>Most rows of a chunk.</summary>
    public const int MaxChunkRows = 768;

    private readonly BlockWidths _widths;

    /// <summary>Creates an empty workspace.</summary>
    /// <param name="widths">The widest of every kind among the blocks that will use it.</param>
    public BlockWorkspace(BlockWidths widths)
    {
        _widths = widths;
    }

    /// <summary>A norm's output, [rows, hidden].</summary>
    internal Memory<float> Normalised { get; private set; }

    /// <summary>Output of a projection back to the residual stream, [rows, hidden].</summary>
    internal Memory<float> Projected { get; private set; }

    /// <summary>Queries, keys and values side by side.</summary>
    internal Memory<float> QueriesKeysValues { get; private set; }

    /// <summary>The feed-forward layer's inner rows.</summary>
    internal Memory<float> Inner { get; private set; }

    /// <summary>Angles of the rotary embeddings.</summary>
    internal RotaryAngles Angles { get; } = new();

    /// <summary>Rows that there is room for.</summary>
    public int Rows { get; private set; }

    /// <summary>Bytes held.</summary>
    public long Bytes => _widths.Bytes(Rows);

    /// <summary>Makes room for chunks of a prompt of <paramref name="rows"/> rows.</summary>
    public void Reserve(int rows)
    {
        int chunk = Math.Min(rows, MaxChunkRows);
        if (Rows >= chunk)
        {
            return;
        }
        Rows = chunk;
        Normalised = new float[checked(chunk * _widths.Hidden)];
        Projected = new float[checked(chunk * _widths.Hidden)];
        QueriesKeysValues = new float[checked(chunk * _widths.Projection)];
        Inner = new float[checked(chunk * _widths.Inner)];
    }
}

/// <summary>Floats a row that blocks need beside the residual stream.</summary>
/// <param name="Hidden">Width of the residual stream.</param>
/// <param name="Projection">Queries, keys and values side by side.</param>
/// <param name="Inner">Inner width of the feed-forward layer.</param>
/// <param name="Rotated">Rotated dimensions of a head.</param>
public readonly record struct BlockWidths(int Hidden, int Projection, int Inner, int Rotated)
{
    /// <summary>The wider of each.</summary>
    public BlockWidths Or(BlockWidths other) => new(
        Math.Max(Hidden, other.Hidden), Math.Max(Projection, other.Projection), Math.Max(Inner, other.Inner), Math.Max(Rotated, other.Rotated));

    /// <summary>Bytes of a workspace for a prompt of <paramref name="rows"/> rows.</summary>
    public long Bytes(int rows) =>
        sizeof(float) * ((long)Math.Min(rows, BlockWorkspace.MaxChunkRows) * (2L * Hidden + Projection + Inner)
            + Math.Min(rows, (long)RotaryAngles.Chunks * BlockWorkspace.MaxChunkRows) * 2 * Rotated);
}
