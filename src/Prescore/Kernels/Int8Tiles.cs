using System.Runtime.Intrinsics;
using Prescore.Memory;

namespace Prescore.Kernels;

/// <summary>
/// The rows of A [m, depth] rounded to bytes (<see cref="Int8Activations"/>) in the order in which a product reads them: tiles
/// of six rows, in them blocks of 32 values: numbers [8 words, 6 rows, 4], and eight scales and eight sums, of which two are zero.
/// Rows that lack in the last tile are zero.
/// </summary>
internal sealed unsafe class Int8Tiles : IDisposable
{
    /// <summary>Rows of a tile.</summary>
    public const int TileRows = 6;

    /// <summary>Bytes of a tile's numbers in one block.</summary>
    public const int NumberBytes = TileRows * Int8Activations.BlockLength;

    /// <summary>Floats beside them: scales, then sums.</summary>
    public const int Factors = 2 * Sums;

    /// <summary>The first sum among them.</summary>
    public const int Sums = 8;

    private readonly NativeBuffer _memory;
    private readonly float* _factors;
    private readonly sbyte* _numbers;
    private readonly int _rows;
    private readonly int _blocks;

    public Int8Tiles(int rows, int depth, int chunks)
    {
        (_rows, _blocks) = (rows, depth / Int8Activations.BlockLength);
        Chunks = new RowChunks(rows, chunks, TileRows);
        nint tileBlocks = (nint)Chunks.Tiles * _blocks, words = tileBlocks * NumberBytes / sizeof(float);
        // The last word is read as if it had eight rows.
        _memory = NativeBuffer.Rent(tileBlocks * Factors + words + Vector256<int>.Count);
        _factors = _memory.Pointer;
        _numbers = (sbyte*)(_factors + tileBlocks * Factors);
    }

    /// <summary>How the rows are cut.</summary>
    public RowChunks Chunks { get; }

    /// <summary>A tile's numbers from a block on.</summary>
    public sbyte* NumbersOf(int tile, int block) => _numbers + ((nint)tile * _blocks + block) * NumberBytes;

    /// <summary>A tile's scales and sums from a block on.</summary>
    public float* FactorsOf(int tile, int block) => _factors + ((nint)tile * _blocks + block) * Factors;

    /// <summary>Rounds one tile's rows.</summary>
    /// <param name="a">A.</param>
    /// <param name="aStride">Floats from one row of A to the next.</param>
    /// <param name="tile">The tile.</param>
    public void Round(float* a, nint aStride, int tile)
    {
        int first = tile * TileRows, rows = Math.Min(TileRows, _rows - first);
        var numbers = (int*)NumbersOf(tile, 0);
        float* factors = FactorsOf(tile, 0);
        if (rows < TileRows)
        {
            new Span<byte>(numbers, _blocks * NumberBytes).Clear();
        }
        a += first * aStride;
        for (int block = 0; block < _blocks; block++)
        {
            Int8Activations.Round(a, aStride, rows, numbers, factors);
            a += Int8Activations.BlockLength;
            numbers += NumberBytes / sizeof(int);
            factors += Factors;
        }
    }

    public void Dispose() => _memory.Dispose();
}
