using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Numerics;

namespace Prescore.Attention.Hyper;

/// <summary>
/// Angular locality-sensitive hashing (Charikar 2002) as HyperAttention sorts by it: bit i of a vector says on which
/// side of random plane i it lies, and its code is the rank of these bits in the Gray-code order, so that neighbouring
/// codes differ in one plane. Keys and queries of a head share the planes; each (seed, layer, head) has its own.
/// </summary>
internal sealed class AngularHash : IDisposable
{
    /// <summary>Number of planes = bits of a code. The first planes decide the order, later ones refine it.</summary>
    public const int Planes = 16;

    private const int RowsAtATime = 256;

    private readonly PackedMatrix _planes;

    /// <summary>Draws the planes of a key/value head.</summary>
    public AngularHash(AttentionOptions options, int head, int dimension)
    {
        var normals = new float[Planes * dimension];
        for (int i = 0; i < normals.Length; i++)
        {
            normals[i] = (float)CounterRandom.Gaussian(CounterRandom.Hash(options.Seed, options.Layer, head, i, RandomStream.HashPlanes));
        }
        _planes = PackedMatrix.Pack(normals, Planes, dimension, options.Simd);
    }

    /// <summary>Codes of all rows.</summary>
    public void Codes(MatrixView rows, Span<ushort> codes)
    {
        Span<float> sides = stackalloc float[RowsAtATime * Planes];
        for (int first = 0; first < rows.Rows; first += RowsAtATime)
        {
            MatrixView piece = rows.Slice(first, Math.Min(RowsAtATime, rows.Rows - first));
            _planes.Multiply(piece.Span, checked((int)piece.Stride), piece.Rows, sides, Planes, threads: 1);
            for (int row = 0; row < piece.Rows; row++)
            {
                codes[first + row] = GrayRank(Signs(sides.Slice(row * Planes, Planes)));
            }
        }
    }

    /// <summary>Position of a bit pattern in the reflected binary Gray code: bit i of it is the parity of the bits i and above.</summary>
    public static ushort GrayRank(ushort bits)
    {
        int rank = bits;
        for (int shift = 1; shift < Planes; shift <<= 1)
        {
            rank ^= rank >> shift;
        }
        return (ushort)rank;
    }

    public void Dispose() => _planes.Dispose();

    private static ushort Signs(ReadOnlySpan<float> sides)
    {
        int bits = 0;
        foreach (float side in sides)
        {
            bits = (bits << 1) | (side >= 0 ? 1 : 0);
        }
        return (ushort)bits;
    }
}
