using System.Numerics.Tensors;

namespace Prescore.Kernels;

/// <summary>Moves the valid part of a register tile at the edge of a matrix.</summary>
internal static unsafe class TileEdge
{
    /// <summary>c[i, j] = tile[i, j], or += , for i &lt; rows and j &lt; columns.</summary>
    public static void Write(float* tile, nint tileStride, float* c, nint cStride, int rows, int columns, bool accumulate)
    {
        for (int i = 0; i < rows; i++)
        {
            var from = new ReadOnlySpan<float>(tile + i * tileStride, columns);
            var to = new Span<float>(c + i * cStride, columns);
            if (accumulate)
            {
                TensorPrimitives.Add(to, from, to);
            }
            else
            {
                from.CopyTo(to);
            }
        }
    }
}
