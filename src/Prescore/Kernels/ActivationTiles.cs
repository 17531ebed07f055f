using Prescore.Memory;

namespace Prescore.Kernels;

/// <summary>
/// The rows of A [m, depth] in the order in which a product reads them: chunks of rows, in them blocks of depth, in them
/// tiles of a few rows, each dense. Rows that lack in a chunk's last tile are zero.
/// </summary>
internal sealed unsafe class ActivationTiles : IDisposable
{
    private readonly NativeBuffer _memory;
    private readonly int _rows;
    private readonly int _depth;
    private readonly int _tileRows;
    private readonly int _blockDepth;

    public ActivationTiles(int rows, int depth, int chunks, int tileRows, int blockDepth)
    {
        (_rows, _depth, _tileRows, _blockDepth) = (rows, depth, tileRows, blockDepth);
        Chunks = new RowChunks(rows, chunks, tileRows);
        _memory = NativeBuffer.Rent((nint)Chunks.Tiles * tileRows * depth);
    }

    /// <summary>How the rows are cut.</summary>
    public RowChunks Chunks { get; }

    /// <summary>A chunk's block of depth that begins at <paramref name="block"/>: its padded rows, dense.</summary>
    public float* Block(int chunk, int block) =>
        _memory.Pointer + (nint)Chunks.FirstRow(chunk) * _depth + (nint)block * Chunks.PaddedRows(chunk);

    /// <summary>Copies one tile's rows out of A.</summary>
    /// <param name="a">A.</param>
    /// <param name="aStride">Floats from one row of A to the next.</param>
    /// <param name="tile">The tile.</param>
    public void Copy(float* a, nint aStride, int tile)
    {
        int chunk = Chunks.ChunkOf(tile);
        for (int block = 0; block < _depth; block += _blockDepth)
        {
            int depth = Math.Min(_blockDepth, _depth - block);
            float* to = Block(chunk, block) + (nint)(tile - Chunks.FirstTile(chunk)) * _tileRows * depth;
            for (int row = tile * _tileRows; row < (tile + 1) * _tileRows; row++, to += depth)
            {
                var target = new Span<float>(to, depth);
                if (row < _rows)
                {
                    new ReadOnlySpan<float>(a + row * aStride + block, depth).CopyTo(target);
                }
                else
                {
                    target.Clear();
                }
            }
        }
    }

    public void Dispose() => _memory.Dispose();
}
