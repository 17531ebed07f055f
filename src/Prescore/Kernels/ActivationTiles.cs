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
    private readonly int _chunks;
    private readonly int _tileRows;
    private readonly int _blockDepth;

    public ActivationTiles(int rows, int depth, int chunks, int tileRows, int blockDepth)
    {
        (_rows, _depth, _chunks, _tileRows, _blockDepth) = (rows, depth, chunks, tileRows, blockDepth);
        Count = (rows + tileRows - 1) / tileRows;
        _memory = NativeBuffer.Rent((nint)Count * tileRows * depth);
    }

    /// <summary>Number of tiles over all chunks.</summary>
    public int Count { get; }

    /// <summary>Padded rows of the largest chunk.</summary>
    public int LargestChunk => (Count + _chunks - 1) / _chunks * _tileRows;

    /// <summary>First row of A in a chunk.</summary>
    public int FirstRow(int chunk) => FirstTile(chunk) * _tileRows;

    /// <summary>Rows of A in a chunk.</summary>
    public int Rows(int chunk) => Math.Min(_rows, FirstRow(chunk + 1)) - FirstRow(chunk);

    /// <summary>The same, up to whole tiles.</summary>
    public int PaddedRows(int chunk) => FirstRow(chunk + 1) - FirstRow(chunk);

    /// <summary>A chunk's block of depth that begins at <paramref name="block"/>: its padded rows, dense.</summary>
    public float* Block(int chunk, int block) =>
        _memory.Pointer + (nint)FirstRow(chunk) * _depth + (nint)block * PaddedRows(chunk);

    /// <summary>Copies one tile's rows out of A.</summary>
    /// <param name="a">A.</param>
    /// <param name="aStride">Floats from one row of A to the next.</param>
    /// <param name="tile">The tile, 0 … <see cref="Count"/> − 1.</param>
    public void Copy(float* a, nint aStride, int tile)
    {
        int chunk = (int)(((long)tile * _chunks + _chunks - 1) / Count);
        while (FirstTile(chunk) > tile)
        {
            chunk--;
        }
        for (int block = 0; block < _depth; block += _blockDepth)
        {
            int depth = Math.Min(_blockDepth, _depth - block);
            float* to = Block(chunk, block) + (nint)(tile - FirstTile(chunk)) * _tileRows * depth;
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

    private int FirstTile(int chunk) => (int)((long)Count * chunk / _chunks);
}
