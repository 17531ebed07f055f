using Prescore.Memory;
using Prescore.Scheduling;

namespace Prescore.Kernels;

/// <summary>
/// A <see cref="WeightMatrix"/> packed once as floats in panels: the linear layers' weights or the centroids of a clustering.
/// Products are bit-equal for every way to cut A's rows.
/// </summary>
public abstract class PackedMatrix : WeightMatrix
{
    private protected PackedMatrix(int rows, int depth, SimdPath simd)
        : base(rows, depth, simd)
    {
    }

    /// <summary>Packs dense row-major rows [rows, depth].</summary>
    /// <exception cref="ArgumentException">The span is too short, or a size is below 1.</exception>
    public static PackedMatrix Pack(ReadOnlySpan<float> matrix, int rows, int depth, SimdPath simd)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(rows, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        if (matrix.Length < (long)rows * depth)
        {
            throw new ArgumentException($"a [{rows}, {depth}] matrix needs {(long)rows * depth} elements, not {matrix.Length}", nameof(matrix));
        }
        return simd switch
        {
            SimdPath.Vector512 => new PackedMatrix<Kernel512>(matrix, rows, depth, simd),
            SimdPath.Vector256 => new PackedMatrix<Kernel256>(matrix, rows, depth, simd),
            _ => new PackedMatrix<KernelScalar>(matrix, rows, depth, simd),
        };
    }
}

/// <summary>
/// Packing and product for one SIMD path. B lies in depth slices, a slice in panels [slice depth, panel width]. A panel
/// streams from the second-level cache while the rows of A pass: slices as short as would stay in the first-level cache
/// (Goto and van de Geijn, 2008) read and write C so often that they cost a tenth of the speed and more.
/// </summary>
internal sealed unsafe class PackedMatrix<TKernel> : PackedMatrix
    where TKernel : IKernelPath
{
    private const int TileRows = 6;

    /// <summary>Rows of A that one work item takes: with one panel they fit the second-level cache.</summary>
    private const int ChunkRows = 192;

    /// <summary>Longest depth slice.</summary>
    private const int LargestDepth = 2048;

    private readonly NativeBuffer _memory;
    private readonly int _slices;
    private readonly int _sliceDepth;
    private readonly int _panels;

    public PackedMatrix(ReadOnlySpan<float> matrix, int rows, int depth, SimdPath simd)
        : base(rows, depth, simd)
    {
        _slices = (depth + LargestDepth - 1) / LargestDepth;
        _sliceDepth = (depth + _slices - 1) / _slices;
        _panels = (rows + TKernel.PanelWidth - 1) / TKernel.PanelWidth;
        _memory = NativeBuffer.Allocate((nint)_panels * TKernel.PanelWidth * depth);
        fixed (float* first = matrix)
        {
            for (int panel = 0; panel < _panels; panel++)
            {
                PackPanel(first, panel);
            }
        }
    }

    public override long Bytes => _memory.Length * sizeof(float);

    private protected override void Dispose(bool disposing) => _memory.Dispose();

    private protected override void CopyRowChecked(int row, Span<float> values)
    {
        (int panel, int column) = Math.DivRem(row, TKernel.PanelWidth);
        for (int slice = 0; slice < _slices; slice++)
        {
            float* source = Panel(slice, panel, out int depth);
            for (int l = 0; l < depth; l++)
            {
                values[slice * _sliceDepth + l] = source[(nint)l * TKernel.PanelWidth + column];
            }
        }
    }

    private protected override void MultiplyChecked(ReadOnlySpan<float> a, int aStride, int m, Span<float> c, int cStride, int threads)
    {
        fixed (float* aPointer = a, cPointer = c)
        {
            float* aData = aPointer;
            float* cData = cPointer;
            // Few rows (decoding): items are column ranges. Many: row chunks, each against all of B.
            int chunks = (m + ChunkRows - 1) / ChunkRows;
            int ranges = Math.Clamp(4 * threads / chunks, 1, _panels);
            ParallelItems.Run(
                chunks * ranges,
                threads,
                item =>
                {
                    int first = item / ranges * ChunkRows;
                    int range = item % ranges;
                    int firstPanel = (int)((long)_panels * range / ranges);
                    int endPanel = (int)((long)_panels * (range + 1) / ranges);
                    Chunk(aData + (nint)first * aStride, aStride, Math.Min(ChunkRows, m - first), cData + (nint)first * cStride, cStride, firstPanel, endPanel);
                });
        }
    }

    private float* Panel(int slice, int panel, out int depth)
    {
        int firstDepth = slice * _sliceDepth;
        depth = Math.Min(_sliceDepth, Depth - firstDepth);
        return _memory.Pointer + (nint)firstDepth * _panels * TKernel.PanelWidth + (nint)panel * depth * TKernel.PanelWidth;
    }

    private void PackPanel(float* matrix, int panel)
    {
        int width = TKernel.PanelWidth;
        float** eight = stackalloc float*[8];
        for (int slice = 0; slice < _slices; slice++)
        {
            float* target = Panel(slice, panel, out int depth);
            for (int j = 0; j < width; j += 8)
            {
                for (int i = 0; i < 8; i++)
                {
                    eight[i] = matrix + (panel * width + j + i) * (nint)Depth + slice * _sliceDepth;
                }
                if (depth % 8 == 0 && panel * width + j + 8 <= Rows)
                {
                    TKernel.Transpose8(eight, depth, target + j);
                    continue;
                }
                for (int i = 0; i < 8; i++)
                {
                    bool present = panel * width + j + i < Rows;
                    for (int l = 0; l < depth; l++)
                    {
                        target[(nint)l * width + j + i] = present ? eight[i][l] : 0;
                    }
                }
            }
        }
    }

    /// <summary>Rows of A (at most ChunkRows) against the panels [firstPanel, endPanel).</summary>
    private void Chunk(float* a, nint aStride, int rows, float* c, nint cStride, int firstPanel, int endPanel)
    {
        int whole = rows / TileRows * TileRows;
        float* tail = stackalloc float[TileRows * _sliceDepth];
        float* edge = stackalloc float[TileRows * TKernel.PanelWidth];
        for (int slice = 0; slice < _slices; slice++)
        {
            float* slicedA = a + slice * _sliceDepth;
            CopyTail(slicedA + whole * aStride, aStride, rows - whole, Math.Min(_sliceDepth, Depth - slice * _sliceDepth), tail);
            for (int panel = firstPanel; panel < endPanel; panel++)
            {
                float* b = Panel(slice, panel, out int depth);
                float* target = c + (nint)panel * TKernel.PanelWidth;
                int columns = Math.Min(TKernel.PanelWidth, Rows - panel * TKernel.PanelWidth);
                for (int row = 0; row < rows; row += TileRows)
                {
                    bool partial = row >= whole;
                    float* tileA = partial ? tail : slicedA + row * aStride;
                    nint stride = partial ? _sliceDepth : aStride;
                    if (!partial && columns == TKernel.PanelWidth)
                    {
                        TKernel.Multiply(tileA, stride, b, depth, target + row * cStride, cStride, accumulate: slice > 0);
                    }
                    else
                    {
                        TKernel.MultiplyColumns(tileA, stride, b, depth, edge, TKernel.PanelWidth, columns);
                        TileEdge.Write(edge, TKernel.PanelWidth, target + row * cStride, cStride, Math.Min(TileRows, rows - row), columns, accumulate: slice > 0);
                    }
                }
            }
        }
    }

    private void CopyTail(float* a, nint aStride, int rows, int depth, float* tail)
    {
        for (int i = 0; i < rows; i++)
        {
            new ReadOnlySpan<float>(a + i * aStride, depth).CopyTo(new Span<float>(tail + i * (nint)_sliceDepth, depth));
        }
    }
}
