namespace Prescore.Kernels;

/// <summary>The rows of an operand in chunks of whole tiles, as even as they can be; the last tile may lack rows.</summary>
/// <param name="rows">Number of rows.</param>
/// <param name="chunks">Number of chunks.</param>
/// <param name="tileRows">Rows of a tile.</param>
internal readonly struct RowChunks(int rows, int chunks, int tileRows)
{
    /// <summary>Number of tiles over all chunks.</summary>
    public int Tiles { get; } = (rows + tileRows - 1) / tileRows;

    /// <summary>Padded rows of the largest chunk.</summary>
    public int Largest => (Tiles + chunks - 1) / chunks * tileRows;

    /// <summary>First tile of a chunk.</summary>
    public int FirstTile(int chunk) => (int)((long)Tiles * chunk / chunks);

    /// <summary>First row of a chunk.</summary>
    public int FirstRow(int chunk) => FirstTile(chunk) * tileRows;

    /// <summary>Rows of a chunk.</summary>
    public int Rows(int chunk) => Math.Min(rows, FirstRow(chunk + 1)) - FirstRow(chunk);

    /// <summary>The same, up to whole tiles.</summary>
    public int PaddedRows(int chunk) => FirstRow(chunk + 1) - FirstRow(chunk);

    /// <summary>The chunk that a tile is in.</summary>
    public int ChunkOf(int tile)
    {
        int chunk = (int)(((long)tile * chunks + chunks - 1) / Tiles);
        while (FirstTile(chunk) > tile)
        {
            chunk--;
        }
        return chunk;
    }
}
