using Prescore.Memory;
using Prescore.Scheduling;

namespace Prescore.Kernels;

/// <summary>
/// A <see cref="WeightMatrix"/> over weights as they are stored, such as the quantised blocks of a mapped file: nothing is
/// copied when it is made. Products with many rows expand a panel at a time on the way into the micro-kernel; products
/// with few rows (decoding) expand a row at a time and take dot products.
/// </summary>
public abstract class StoredMatrix : WeightMatrix
{
    private protected StoredMatrix(int rows, int depth, SimdPath simd)
        : base(rows, depth, simd)
    {
    }

    /// <summary>The first row that holds a value that is not finite, or −1. Expands the whole matrix once.</summary>
    /// <param name="threads">Number of threads, at least 1.</param>
    public abstract int FindNonFinite(int threads);

    /// <summary>A matrix of rows that may lie in several tensors, under each other, of different formats.</summary>
    /// <param name="depth">Values a row, a multiple of every format's block length.</param>
    /// <param name="simd">The SIMD path of its products.</param>
    /// <param name="parts">The rows.</param>
    /// <exception cref="ArgumentException">No rows, a depth of broken blocks, or another number of bytes than the rows have.</exception>
    public static StoredMatrix Create(int depth, SimdPath simd, params ReadOnlySpan<StoredRows> parts)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        long rows = 0;
        foreach (StoredRows part in parts)
        {
            if (depth % part.Format.BlockLength != 0)
            {
                throw new ArgumentException($"rows of {depth} values are no whole number of blocks of {part.Format.BlockLength}", nameof(depth));
            }
            long bytes = depth / part.Format.BlockLength * (long)part.Format.BlockBytes * part.Rows;
            if (part.Rows < 1 || bytes != part.Bytes.Length)
            {
                throw new ArgumentException($"{part.Rows} rows of {depth} values are {bytes} bytes, not {part.Bytes.Length}", nameof(parts));
            }
            rows += part.Rows;
        }
        return simd switch
        {
            SimdPath.Vector512 => new StoredMatrix<Kernel512>(depth, checked((int)rows), simd, parts),
            SimdPath.Vector256 => new StoredMatrix<Kernel256>(depth, checked((int)rows), simd, parts),
            _ => new StoredMatrix<KernelScalar>(depth, checked((int)rows), simd, parts),
        };
    }
}

/// <summary>The products for one SIMD path.</summary>
internal sealed unsafe class StoredMatrix<TKernel> : StoredMatrix
    where TKernel : IKernelPath
{
    private const int TileRows = 6;

    /// <summary>Up to so many rows of A are multiplied by dot products.</summary>
    private const int FewRows = 8;

    /// <summary>Rows of A that one work item takes.</summary>
    private const int ChunkRows = 384;

    /// <summary>Floats of a panel's depth slice: half of a 32 KiB first-level cache.</summary>
    private const int SliceFloats = 4608;

    /// <summary>Most values of a row that are expanded at a time: eight such pieces fit the first-level cache.</summary>
    private const int PieceLength = 512;

    private readonly Segment[] _segments;
    private readonly int _sliceDepth;
    private readonly int _panels;
    private bool _disposed;

    public StoredMatrix(int depth, int rows, SimdPath simd, ReadOnlySpan<StoredRows> parts)
        : base(rows, depth, simd)
    {
        _segments = new Segment[parts.Length];
        int first = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            _segments[i] = new Segment(parts[i], first, depth, simd);
            first += parts[i].Rows;
        }
        _sliceDepth = Math.Max(64, SliceFloats / TKernel.PanelWidth);
        _panels = (rows + TKernel.PanelWidth - 1) / TKernel.PanelWidth;
    }

    public override long Bytes => _segments.Sum(segment => segment.Bytes);

    public override int FindNonFinite(int threads)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        int found = int.MaxValue;
        int ranges = Math.Min(Rows, 16 * threads);
        ParallelItems.Run(ranges, threads, range =>
        {
            float* values = stackalloc float[PieceLength];
            int end = (int)((long)Rows * (range + 1) / ranges);
            for (int row = (int)((long)Rows * range / ranges); row < end && row < Volatile.Read(ref found); row++)
            {
                for (int first = 0; first < Depth; first += PieceLength)
                {
                    int count = Math.Min(PieceLength, Depth - first);
                    Expand(row, first, count, values);
                    if (!TKernel.AllFinite(values, count))
                    {
                        lock (_segments)
                        {
                            found = Math.Min(found, row);
                        }
                        break;
                    }
                }
            }
        });
        GC.KeepAlive(this);
        return found == int.MaxValue ? -1 : found;
    }

    private protected override void CopyRowChecked(int row, Span<float> values)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        fixed (float* target = values)
        {
            Expand(row, 0, Depth, target);
        }
        GC.KeepAlive(this);
    }

    private protected override void MultiplyChecked(ReadOnlySpan<float> a, int aStride, int m, Span<float> c, int cStride, int threads)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        fixed (float* aData = a, cData = c)
        {
            if (m <= FewRows)
            {
                MultiplyFew(aData, aStride, m, cData, cStride, threads);
            }
            else
            {
                MultiplyMany(aData, aStride, m, cData, cStride, threads);
            }
        }
        GC.KeepAlive(this);
    }

    private protected override void Dispose(bool disposing)
    {
        _disposed = true;
        foreach (Segment segment in _segments)
        {
            segment.Dispose();
        }
    }

    /// <summary>Writes values [first, first + count) of a row; both are multiples of its block length, or count reaches the row's end.</summary>
    private void Expand(int row, int first, int count, float* values)
    {
        int i = 0;
        while (row >= _segments[i].FirstRow + _segments[i].Rows)
        {
            i++;
        }
        _segments[i].Expand(row, first, count, values);
    }

    /// <summary>Few rows of A: work items are ranges of B's rows; each row of B is expanded once and multiplied with all of A's.</summary>
    private void MultiplyFew(float* a, nint aStride, int m, float* c, nint cStride, int threads)
    {
        int padded = Padded(Depth);
        using NativeBuffer input = NativeBuffer.Rent((nint)m * padded);
        float* x = input.Pointer;
        for (int i = 0; i < m; i++)
        {
            CopyPadded(a + i * aStride, Depth, x + (nint)i * padded, padded);
        }
        // Several items a thread even out what threads take; each as large as possible.
        int items = Math.Clamp(4 * threads, 1, Math.Max(1, Rows / 8));
        ParallelItems.Run(items, threads, item =>
        {
            int end = (int)((long)Rows * (item + 1) / items);
            float* values = stackalloc float[PieceLength];
            float* sums = stackalloc float[FewRows];
            for (int row = (int)((long)Rows * item / items); row < end; row++)
            {
                DotRow(row, x, padded, m, values, sums);
                for (int i = 0; i < m; i++)
                {
                    c[i * cStride + row] = sums[i];
                }
            }
        });
    }

    private void DotRow(int row, float* x, int stride, int m, float* values, float* sums)
    {
        new Span<float>(sums, m).Clear();
        for (int first = 0; first < Depth; first += PieceLength)
        {
            int count = Math.Min(PieceLength, Depth - first);
            Expand(row, first, count, values);
            int padded = Padded(count);
            new Span<float>(values + count, padded - count).Clear();
            for (int i = 0; i < m; i++)
            {
                sums[i] += TKernel.Dot(values, x + (nint)i * stride + first, padded);
            }
        }
    }

    /// <summary>Many rows of A: a work item expands one panel of B and multiplies a chunk of A's rows with it.</summary>
    private void MultiplyMany(float* a, nint aStride, int m, float* c, nint cStride, int threads)
    {
        int chunks = (m + ChunkRows - 1) / ChunkRows;
        ParallelItems.Run(
            chunks * _panels,
            threads,
            () => new PanelWorkspace(Depth, TKernel.PanelWidth, TileRows),
            (workspace, item) =>
            {
                int first = (int)((long)m * (item % chunks) / chunks), end = (int)((long)m * (item % chunks + 1) / chunks);
                ExpandPanel(item / chunks, workspace);
                MultiplyPanel(item / chunks, workspace, a + first * aStride, aStride, end - first, c + first * cStride, cStride);
            },
            workspace => workspace.Dispose());
    }

    /// <summary>The panel's rows of B as columns [depth, panel width]; rows beyond the last are zero.</summary>
    private void ExpandPanel(int panel, PanelWorkspace workspace)
    {
        int width = TKernel.PanelWidth, firstRow = panel * width;
        float** rows = stackalloc float*[8];
        for (int j = 0; j < 8; j++)
        {
            rows[j] = workspace.Pieces + j * PieceLength;
        }
        for (int column = 0; column < width; column += 8)
        {
            for (int first = 0; first < Depth; first += PieceLength)
            {
                int count = Math.Min(PieceLength, Depth - first);
                for (int j = 0; j < 8; j++)
                {
                    if (firstRow + column + j < Rows)
                    {
                        Expand(firstRow + column + j, first, count, rows[j]);
                    }
                    else
                    {
                        new Span<float>(rows[j], count).Clear();
                    }
                }
                TKernel.Transpose8(rows, count, workspace.Panel + (nint)first * width + column);
            }
        }
    }

    private void MultiplyPanel(int panel, PanelWorkspace workspace, float* a, nint aStride, int rows, float* c, nint cStride)
    {
        int width = TKernel.PanelWidth, columns = Math.Min(width, Rows - panel * width);
        float* target = c + (nint)panel * width;
        int whole = rows / TileRows * TileRows;
        CopyTail(a + whole * aStride, aStride, rows - whole, workspace.Tail);
        for (int slice = 0; slice < Depth; slice += _sliceDepth)
        {
            int depth = Math.Min(_sliceDepth, Depth - slice);
            float* b = workspace.Panel + (nint)slice * width;
            for (int row = 0; row < rows; row += TileRows)
            {
                bool partial = row >= whole;
                float* tile = partial ? workspace.Tail + slice : a + row * aStride + slice;
                nint stride = partial ? Depth : aStride;
                if (!partial && columns == width)
                {
                    TKernel.Multiply(tile, stride, b, depth, target + row * cStride, cStride, accumulate: slice > 0);
                }
                else
                {
                    TKernel.Multiply(tile, stride, b, depth, workspace.Edge, width, accumulate: false);
                    TileEdge.Write(workspace.Edge, width, target + row * cStride, cStride, Math.Min(TileRows, rows - row), columns, accumulate: slice > 0);
                }
            }
        }
    }

    private void CopyTail(float* a, nint aStride, int rows, float* tail)
    {
        for (int i = 0; i < rows; i++)
        {
            new ReadOnlySpan<float>(a + i * aStride, Depth).CopyTo(new Span<float>(tail + (nint)i * Depth, Depth));
        }
    }

    private static int Padded(int count) => (count + TKernel.Lanes - 1) / TKernel.Lanes * TKernel.Lanes;

    private static void CopyPadded(float* from, int count, float* to, int padded)
    {
        new ReadOnlySpan<float>(from, count).CopyTo(new Span<float>(to, count));
        new Span<float>(to + count, padded - count).Clear();
    }

    /// <summary>The rows of one part, and the vectorised expansion of its format.</summary>
    private sealed class Segment(StoredRows part, int firstRow, int depth, SimdPath simd) : IDisposable
    {
        private readonly byte* _data = (byte*)part.Bytes.Address;
        private readonly BlockExpander _expand = BlockExpanders.For(part.Format, simd);
        private readonly nint _rowBytes = depth / part.Format.BlockLength * (nint)part.Format.BlockBytes;

        public int FirstRow => firstRow;

        public int Rows => part.Rows;

        public long Bytes => part.Bytes.Length;

        public void Expand(int row, int first, int count, float* values) =>
            _expand(_data + (row - firstRow) * _rowBytes + first / part.Format.BlockLength * part.Format.BlockBytes, values, count);

        public void Dispose() => part.Bytes.Dispose();
    }

    /// <summary>A thread's expanded panel and what is needed around it.</summary>
    private sealed class PanelWorkspace : IDisposable
    {
        private readonly NativeBuffer _memory;

        public PanelWorkspace(int depth, int width, int tileRows)
        {
            // Transposing writes a depth that is rounded up to 8.
            nint panel = (nint)(depth + 7) / 8 * 8 * width;
            _memory = NativeBuffer.Rent(panel + 8 * PieceLength + (nint)tileRows * depth + tileRows * width);
            Panel = _memory.Pointer;
            Pieces = Panel + panel;
            Edge = Pieces + 8 * PieceLength;
            Tail = Edge + tileRows * width;
        }

        /// <summary>[depth rounded up to 8, width].</summary>
        public float* Panel { get; }

        /// <summary>Pieces of eight rows of B.</summary>
        public float* Pieces { get; }

        /// <summary>One tile of C at an edge.</summary>
        public float* Edge { get; }

        /// <summary>The last, incomplete tile of A's rows, dense.</summary>
        public float* Tail { get; }

        public void Dispose() => _memory.Dispose();
    }
}
