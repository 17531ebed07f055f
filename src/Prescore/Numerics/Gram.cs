using System.Buffers;
using System.Numerics;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Prescore.Numerics;

/// <summary>The Gram matrix KᵀK of single-precision keys, in double precision.</summary>
internal static class Gram
{
    /// <summary>Keys that are widened at a time: 32 keys of 64 doubles fill half of a first-level cache.</summary>
    private const int ChunkKeys = 32;

    /// <summary>Rows of the register tile; its width is two vectors.</summary>
    private const int TileRows = 4;

    /// <summary>Computes G = KᵀK.</summary>
    /// <param name="keys">Keys [n, d].</param>
    /// <param name="gram">Receives G [d, d], both triangles.</param>
    public static void Compute(in KeyMatrix keys, Span<double> gram)
    {
        int d = keys.Dimension;
        int tileColumns = 2 * Vector<double>.Count;
        int padded = (d + tileColumns - 1) / tileColumns * tileColumns;
        double[] pooled = ArrayPool<double>.Shared.Rent(padded * (padded + ChunkKeys));
        Span<double> sums = pooled.AsSpan(0, padded * padded);
        Span<double> wide = pooled.AsSpan(padded * padded, padded * ChunkKeys);
        sums.Clear();
        wide.Clear();
        for (int start = 0; start < keys.Count; start += ChunkKeys)
        {
            int count = Math.Min(ChunkKeys, keys.Count - start);
            for (int i = 0; i < count; i++)
            {
                TensorPrimitives.ConvertTruncating<float, double>(keys[start + i], wide.Slice(i * padded, d));
            }
            AddLowerTiles(wide, count, padded, sums);
        }
        for (int i = 0; i < d; i++)
        {
            for (int j = 0; j <= i; j++)
            {
                gram[i * d + j] = gram[j * d + i] = sums[i * padded + j];
            }
        }
        ArrayPool<double>.Shared.Return(pooled);
    }

    /// <summary>Adds the products of some keys to the tiles that touch the lower triangle.</summary>
    private static void AddLowerTiles(ReadOnlySpan<double> wide, int count, int padded, Span<double> sums)
    {
        int tileColumns = 2 * Vector<double>.Count;
        for (int row = 0; row < padded; row += TileRows)
        {
            for (int column = 0; column < row + TileRows; column += tileColumns)
            {
                AddTile(wide, count, padded, row, column, sums);
            }
        }
    }

    private static void AddTile(ReadOnlySpan<double> wide, int count, int padded, int row, int column, Span<double> sums)
    {
        Span<Vector<double>> s0 = Tile(sums, padded, row, column), s1 = Tile(sums, padded, row + 1, column);
        Span<Vector<double>> s2 = Tile(sums, padded, row + 2, column), s3 = Tile(sums, padded, row + 3, column);
        Vector<double> a0 = s0[0], a1 = s0[1], b0 = s1[0], b1 = s1[1], c0 = s2[0], c1 = s2[1], d0 = s3[0], d1 = s3[1];
        for (int i = 0; i < count; i++)
        {
            ReadOnlySpan<double> key = wide.Slice(i * padded, padded);
            ReadOnlySpan<Vector<double>> right = MemoryMarshal.Cast<double, Vector<double>>(key[column..]);
            ReadOnlySpan<double> left = key.Slice(row, TileRows);
            Vector<double> r0 = right[0], r1 = right[1];
            var x = new Vector<double>(left[0]);
            a0 = Vector.FusedMultiplyAdd(x, r0, a0);
            a1 = Vector.FusedMultiplyAdd(x, r1, a1);
            x = new Vector<double>(left[1]);
            b0 = Vector.FusedMultiplyAdd(x, r0, b0);
            b1 = Vector.FusedMultiplyAdd(x, r1, b1);
            x = new Vector<double>(left[2]);
            c0 = Vector.FusedMultiplyAdd(x, r0, c0);
            c1 = Vector.FusedMultiplyAdd(x, r1, c1);
            x = new Vector<double>(left[3]);
            d0 = Vector.FusedMultiplyAdd(x, r0, d0);
            d1 = Vector.FusedMultiplyAdd(x, r1, d1);
        }
        (s0[0], s0[1], s1[0], s1[1]) = (a0, a1, b0, b1);
        (s2[0], s2[1], s3[0], s3[1]) = (c0, c1, d0, d1);
    }

    private static Span<Vector<double>> Tile(Span<double> sums, int padded, int row, int column) =>
        MemoryMarshal.Cast<double, Vector<double>>(sums.Slice(row * padded + column, 2 * Vector<double>.Count));
}
