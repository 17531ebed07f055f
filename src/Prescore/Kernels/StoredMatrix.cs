using Prescore.Memory;
using Prescore.Scheduling;

namespace Prescore.Kernels;

/// <summary>
/// A <see cref="WeightMatrix"/> over weights as they are stored, such as the quantised blocks of a mapped file: nothing is
/// copied when it is made. Products with many rows expand a panel at a time on the way into the micro-kernel; products
/// with few rows (decoding) expand a row at a time and take dot products. Activations are floats, or on demand rounded to
/// bytes first (<see cref="ActivationPrecision"/>).
/// </summary>
public abstract class StoredMatrix : WeightMatrix
{
    private protected StoredMatrix(int rows, int depth, SimdPath simd)
        : base(rows, depth, simd)
    {
    }

    /// <summary>What its products make of activations: what was asked for, where the formats of its parts allow it.</summary>
    public abstract ActivationPrecision Activations { get; }

    /// <summary>The first row that holds a value that is not finite, or −1. Reads the blocks' scales, or every value of formats without.</summary>
    /// <param name="threads">Number of threads, at least 1.</param>
    public abstract int FindNonFinite(int threads);

    /// <summary>A matrix of rows that may lie in several tensors, under each other, of different formats.</summary>
    /// <param name="depth">Values a row, a multiple of every format's block length.</param>
    /// <param name="simd">The SIMD path of its products.</param>
    /// <param name="parts">The rows.</param>
    /// <exception cref="ArgumentException">No rows, a depth of broken blocks, or another number of bytes than the rows have.</exception>
    public static StoredMatrix Create(int depth, SimdPath simd, params ReadOnlySpan<StoredRows> parts) =>
        Create(depth, simd, ActivationPrecision.Float, parts);

    /// <summary>The same with activations of a given precision, where the formats of its parts allow it.</summary>
    /// <param name="depth">Values a row, a multiple of every format's block length.</param>
    /// <param name="simd">The SIMD path of its products.</param>
    /// <param name="activations">What products make of activations.</param>
    /// <param name="parts">The rows.</param>
    /// <exception cref="ArgumentException">No rows, a depth of broken blocks, or another number of bytes than the rows have.</exception>
    public static StoredMatrix Create(int depth, SimdPath simd, ActivationPrecision activations, params ReadOnlySpan<StoredRows> parts)
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
            SimdPath.Vector512 => new StoredMatrix<Kernel512>(depth, checked((int)rows), simd, activations, parts),
            SimdPath.Vector256 => new StoredMatrix<Kernel256>(depth, checked((int)rows), simd, activations, parts),
            _ => new StoredMatrix<KernelScalar>(depth, checked((int)rows), simd, activations, parts),
        };
    }
}

/// <summary>The products for one SIMD path.</summary>
internal sealed unsafe partial class StoredMatrix<TKernel> : StoredMatrix
    where TKernel : IInt8KernelPath
{
    private const int TileRows = 6;

    /// <summary>Up to so many rows of A are multiplied by dot products.</summary>
    private const int FewRows = 8;

    /// <summary>Rows of A that one work item takes.</summary>
    private const int ChunkRows = 384;

    /// <summary>Depth that is expanded at a time: a whole number of blocks of every format.</summary>
    private const int BlockDepth = 256;

    /// <summary>Most values of a row that are expanded at a time for dot products.</summary>
    private const int PieceLength = 512;

    /// <summary>Floats of a panel's depth slice, two thirds of a 48 KiB first-level cache.</summary>
    private const int SliceFloats = 8192;

    private readonly Segment[] _segments;
    private readonly int _panels;
    private bool _disposed;

    public StoredMatrix(int depth, int rows, SimdPath simd, ActivationPrecision activations, ReadOnlySpan<StoredRows> parts)
        : base(rows, depth, simd)
    {
        _segments = new Segment[parts.Length];
        int first = 0;
        for (int i = 0; i < parts.Length; i++)
        {
            _segments[i] = new Segment(parts[i], first, depth, simd);
            first += parts[i].Rows;
        }
        _panels = (rows + TKernel.PanelWidth - 1) / TKernel.PanelWidth;
        Activations = Array.TrueForAll(_segments, segment => segment.Unpack is not null) ? activations : ActivationPrecision.Float;
    }

    public override ActivationPrecision Activations { get; }

    private static int SliceDepth => Math.Min(BlockDepth, SliceFloats / TKernel.PanelWidth);

    /// <summary>Panels a work item: 256 columns of C, which for one chunk take a third of a 1 MiB second-level cache.</summary>
    private static int GroupPanels => 256 / TKernel.PanelWidth;

    public override long Bytes => _segments.Sum(segment => segment.Bytes);

    public override int FindNonFinite(int threads)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        int found = int.MaxValue;
        int ranges = Math.Min(Rows, 16 * threads);
        ParallelItems.Run(ranges, threads, range =>
        {
            int end = (int)((long)Rows * (range + 1) / ranges);
            for (int row = (int)((long)Rows * range / ranges); row < end && row < Volatile.Read(ref found); row++)
            {
                Segment segment = SegmentOf(row);
                if (!(segment.HasHalfScales ? segment.ScalesFinite(row) : ValuesFinite(segment, row)))
                {
                    lock (_segments)
                    {
                        found = Math.Min(found, row);
                    }
                }
            }
        });
        GC.KeepAlive(this);
        return found == int.MaxValue ? -1 : found;
    }

    private bool ValuesFinite(Segment segment, int row)
    {
        float* values = stackalloc float[PieceLength];
        for (int first = 0; first < Depth; first += PieceLength)
        {
            int count = Math.Min(PieceLength, Depth - first);
            segment.Expand(row, first, count, values);
            if (!TKernel.AllFinite(values, count))
            {
                return false;
            }
        }
        return true;
    }

    private protected override void CopyRowChecked(int row, Span<float> values)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        fixed (float* target = values)
        {
            SegmentOf(row).Expand(row, 0, Depth, target);
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
            else if (Activations == ActivationPrecision.Int8)
            {
                MultiplyManyInt8(aData, aStride, m, cData, cStride, threads, gated: false);
            }
            else
            {
                MultiplyMany(aData, aStride, m, cData, cStride, threads, gated: false);
            }
        }
        GC.KeepAlive(this);
    }

    public override bool HasSwiGlu(int m) => m > FewRows && Rows % (2 * TKernel.PanelWidth) == 0;

    private protected override void MultiplySwiGluChecked(ReadOnlySpan<float> a, int aStride, int m, Span<float> c, int cStride, int threads)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        fixed (float* aData = a, cData = c)
        {
            if (Activations == ActivationPrecision.Int8)
            {
                MultiplyManyInt8(aData, aStride, m, cData, cStride, threads, gated: true);
            }
            else
            {
                MultiplyMany(aData, aStride, m, cData, cStride, threads, gated: true);
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

    private Segment SegmentOf(int row)
    {
        int i = 0;
        while (row >= _segments[i].FirstRow + _segments[i].Rows)
        {
            i++;
        }
        return _segments[i];
    }

    /// <summary>Few rows of A: work items are ranges of B's rows; each row of B is read once.</summary>
    private void MultiplyFew(float* a, nint aStride, int m, float* c, nint cStride, int threads)
    {
        int padded = Padded(Depth);
        using NativeBuffer input = NativeBuffer.Rent((nint)m * padded);
        float* x = input.Pointer;
        for (int i = 0; i < m; i++)
        {
            CopyPadded(a + i * aStride, Depth, x + (nint)i * padded, padded);
            if (Activations == ActivationPrecision.Int8)
            {
                // The floats that the numbers of a product with many rows stand for.
                Int8Activations.RoundInPlace(x + (nint)i * padded, Depth);
            }
        }
        Dictionary<ActivationOrder, RoundedActivations> rounded = m == 1 ? Round(x) : [];
        // Several items a thread even out what threads take; each as large as possible.
        int items = Math.Clamp(4 * threads, 1, Math.Max(1, Rows / 8));
        ParallelItems.Run(items, threads, item =>
        {
            int row = (int)((long)Rows * item / items), end = (int)((long)Rows * (item + 1) / items);
            while (row < end)
            {
                Segment segment = SegmentOf(row);
                int segmentEnd = Math.Min(end, segment.FirstRow + segment.Rows);
                if (m == 1 && segment.Order is not null)
                {
                    DotRounded(segment, row, segmentEnd, rounded[segment.Order], c);
                }
                else if (m == 1 && segment.Dot is not null)
                {
                    DotInPlace(segment, row, segmentEnd, x, c);
                }
                else
                {
                    DotExpanded(segment, row, segmentEnd, x, padded, m, c, cStride);
                }
                row = segmentEnd;
            }
        });
        foreach (RoundedActivations activations in rounded.Values)
        {
            activations.Dispose();
        }
    }

    /// <summary>The activations in every order that a segment reads.</summary>
    private Dictionary<ActivationOrder, RoundedActivations> Round(float* x)
    {
        var rounded = new Dictionary<ActivationOrder, RoundedActivations>();
        foreach (Segment segment in _segments)
        {
            if (segment.Order is ActivationOrder order && !rounded.ContainsKey(order))
            {
                rounded.Add(order, new RoundedActivations(x, Depth, order));
            }
        }
        return rounded;
    }

    /// <summary>Rows of one segment with one row of rounded activations, two at a time.</summary>
    private void DotRounded(Segment segment, int row, int end, RoundedActivations x, float* c)
    {
        float* sums = stackalloc float[2];
        for (; row < end; row += 2)
        {
            int second = Math.Min(row + 1, end - 1);
            segment.RoundedDot!(segment.Row(row), segment.Row(second), x.Numbers, x.Factors, Depth / RoundedActivations.BlockLength, sums);
            c[row] = sums[0];
            c[second] = sums[second - row];
        }
    }

    /// <summary>Rows of one segment with one row of A, expanded in registers, two at a time.</summary>
    private void DotInPlace(Segment segment, int row, int end, float* x, float* c)
    {
        float* sums = stackalloc float[2];
        for (; row < end; row += 2)
        {
            int second = Math.Min(row + 1, end - 1);
            segment.Dot!(segment.Row(row), segment.Row(second), x, Depth, sums);
            c[row] = sums[0];
            c[second] = sums[second - row];
        }
    }

    /// <summary>Rows of one segment with some rows of A: each is expanded piece by piece into the first-level cache.</summary>
    private void DotExpanded(Segment segment, int row, int end, float* x, int stride, int m, float* c, nint cStride)
    {
        float* values = stackalloc float[PieceLength];
        for (; row < end; row++)
        {
            for (int first = 0; first < Depth; first += PieceLength)
            {
                int count = Math.Min(PieceLength, Depth - first), padded = Padded(count);
                segment.Expand(row, first, count, values);
                new Span<float>(values + count, padded - count).Clear();
                for (int i = 0; i < m; i++)
                {
                    float sum = TKernel.Dot(values, x + (nint)i * stride + first, padded);
                    c[i * cStride + row] = first == 0 ? sum : c[i * cStride + row] + sum;
                }
            }
        }
    }

    /// <summary>
    /// Many rows of A: A is copied into tiles once; then a work item multiplies a chunk of A's rows with a group of panels
    /// of B, a block of depth at a time: one panel's block is expanded, and stays near while the tiles pass. The item's part
    /// of C is held dense, for C's own rows may all fall into the same sets of a cache.
    /// </summary>
    private void MultiplyMany(float* a, nint aStride, int m, float* c, nint cStride, int threads, bool gated)
    {
        int chunks = (m + ChunkRows - 1) / ChunkRows;
        using var tiles = new ActivationTiles(m, Depth, chunks, TileRows, BlockDepth);
        ParallelItems.Run(tiles.Chunks.Tiles, threads, tile => tiles.Copy(a, aStride, tile));
        int groups = Groups(chunks, threads, gated);
        ParallelItems.Run(
            chunks * groups,
            threads,
            () => new PanelWorkspace(tiles.Chunks.Largest, TKernel.PanelWidth, LargestGroup(groups, gated)),
            (workspace, item) =>
            {
                (int group, int chunk) = Math.DivRem(item, chunks);
                PanelGroup panels = Group(group, groups, gated);
                MultiplyGroup(workspace, tiles, chunk, panels);
                WriteGroup(workspace, tiles, chunk, panels, c, cStride);
            },
            workspace => workspace.Dispose());
    }

    /// <summary>Groups of panels that work items take, in pairs of panels where products are gated.</summary>
    private int Groups(int chunks, int threads, bool gated)
    {
        int units = gated ? _panels / 2 : _panels, most = gated ? GroupPanels / 2 : GroupPanels;
        return Math.Min(units, Math.Max((units + most - 1) / most, 4 * threads / chunks));
    }

    private int LargestGroup(int groups, bool gated) => gated ? 2 * ((_panels / 2 + groups - 1) / groups) : (_panels + groups - 1) / groups;

    private PanelGroup Group(int group, int groups, bool gated)
    {
        long units = gated ? _panels / 2 : _panels;
        int first = (int)(units * group / groups);
        return new PanelGroup(first, (int)(units * (group + 1) / groups) - first, gated ? _panels / 2 : 0);
    }

    private void MultiplyGroup(PanelWorkspace workspace, ActivationTiles tiles, int chunk, PanelGroup panels)
    {
        int width = TKernel.PanelWidth, rows = tiles.Chunks.PaddedRows(chunk);
        for (int block = 0; block < Depth; block += BlockDepth)
        {
            int depth = Math.Min(BlockDepth, Depth - block);
            float* a = tiles.Block(chunk, block);
            for (int i = 0; i < panels.Panels; i++)
            {
                ExpandPanel(panels.Panel(i), block, depth, workspace);
                float* c = workspace.Products + (nint)i * rows * width;
                for (int slice = 0; slice < depth; slice += SliceDepth)
                {
                    int sliceDepth = Math.Min(SliceDepth, depth - slice);
                    for (int row = 0; row < rows; row += TileRows)
                    {
                        TKernel.Multiply(
                            a + (nint)row * depth + slice, depth, workspace.Panel + (nint)slice * width, sliceDepth,
                            c + (nint)row * width, width, accumulate: block + slice > 0);
                    }
                }
            }
        }
    }

    private void WriteGroup(PanelWorkspace workspace, ActivationTiles tiles, int chunk, PanelGroup panels, float* c, nint cStride)
    {
        int width = TKernel.PanelWidth, padded = tiles.Chunks.PaddedRows(chunk);
        for (int i = 0; i < panels.Count; i++)
        {
            float* products = workspace.Products + (nint)i * padded * width;
            float* up = panels.IsGated ? products + (nint)panels.Count * padded * width : null;
            WritePanel(products, up, tiles.Chunks, chunk, panels.First + i, c, cStride);
        }
    }

    /// <summary>A chunk's products with one panel, or the gates of two, go to C.</summary>
    private void WritePanel(float* products, float* up, RowChunks chunks, int chunk, int panel, float* c, nint cStride)
    {
        int width = TKernel.PanelWidth, rows = chunks.Rows(chunk), columns = Math.Min(width, Rows - panel * width);
        float* target = c + chunks.FirstRow(chunk) * cStride + (nint)panel * width;
        if (up is null)
        {
            TileEdge.Write(products, width, target, cStride, rows, columns, accumulate: false);
            return;
        }
        for (int row = 0; row < rows; row++)
        {
            SwiGlu.Apply(products + (nint)row * width, up + (nint)row * width, target + row * cStride, columns);
        }
    }

    /// <summary>A block of depth of the panel's rows of B as columns [depth, panel width]; rows beyond the last are zero.</summary>
    private void ExpandPanel(int panel, int block, int depth, PanelWorkspace workspace)
    {
        int width = TKernel.PanelWidth, firstRow = panel * width;
        float** rows = stackalloc float*[8];
        for (int column = 0; column < width; column += 8)
        {
            for (int j = 0; j < 8; j++)
            {
                rows[j] = workspace.Pieces + j * BlockDepth;
                int row = firstRow + column + j;
                if (row < Rows)
                {
                    SegmentOf(row).Expand(row, block, depth, rows[j]);
                }
                else
                {
                    new Span<float>(rows[j], depth).Clear();
                }
            }
            TKernel.Transpose8(rows, depth, workspace.Panel + column);
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

        /// <summary>Dot products expanded in registers; null: rows are expanded first.</summary>
        public BlockDot? Dot { get; } = BlockExpanders.DotFor(part.Format, simd);

        /// <summary>Dot products with rounded activations; null: none.</summary>
        public RoundedDot? RoundedDot { get; } = BlockExpanders.RoundedDotFor(part.Format, simd).Dot;

        /// <summary>The order in which these read them.</summary>
        public ActivationOrder? Order { get; } = BlockExpanders.RoundedDotFor(part.Format, simd).Order;

        /// <summary>Unpacking for products with activations of eight bits; null: none.</summary>
        public BlockUnpacker? Unpack { get; } = FourBitBlocks.UnpackerFor(part.Format);

        /// <summary>Whether <see cref="ScalesFinite"/> tells of the values.</summary>
        public bool HasHalfScales => part.Format.HalfScales.Count > 0;

        /// <summary>Whether no scale of a row is infinite or not a number: whether none has all bits of the exponent set.</summary>
        public bool ScalesFinite(int row)
        {
            const int Exponent = 0x7C00;
            bool finite = true;
            foreach (int offset in part.Format.HalfScales)
            {
                byte* end = Row(row) + _rowBytes;
                for (byte* block = Row(row); block < end; block += part.Format.BlockBytes)
                {
                    finite &= (*(ushort*)(block + offset) & Exponent) != Exponent;
                }
            }
            return finite;
        }

        public byte* Row(int row) => _data + (row - firstRow) * _rowBytes;

        public void Expand(int row, int first, int count, float* values) =>
            _expand(Block(row, first), values, count);

        /// <summary>The block that begins with a row's value <paramref name="first"/>.</summary>
        public byte* Block(int row, int first) => Row(row) + first / part.Format.BlockLength * part.Format.BlockBytes;

        public void Dispose() => part.Bytes.Dispose();
    }

    /// <summary>Panels that a work item takes: neighbours, and behind them, where products are gated, as many from half of B further on.</summary>
    private readonly record struct PanelGroup(int First, int Count, int Half)
    {
        public bool IsGated => Half > 0;

        public int Panels => IsGated ? 2 * Count : Count;

        public int Panel(int i) => i < Count ? First + i : Half + First + i - Count;
    }

    /// <summary>A thread's expanded panel and the products of an item.</summary>
    private sealed class PanelWorkspace : IDisposable
    {
        private readonly NativeBuffer _memory;

        public PanelWorkspace(int rows, int width, int panels)
        {
            _memory = NativeBuffer.Rent((nint)BlockDepth * (width + 8) + (nint)rows * width * panels);
            Panel = _memory.Pointer;
            Pieces = Panel + (nint)BlockDepth * width;
            Products = Pieces + 8 * BlockDepth;
        }

        /// <summary>One block of depth of a panel, [block depth, width].</summary>
        public float* Panel { get; }

        /// <summary>The same block of eight rows of B, [8, block depth].</summary>
        public float* Pieces { get; }

        /// <summary>The item's part of C, [panels, padded rows, width].</summary>
        public float* Products { get; }

        public void Dispose() => _memory.Dispose();
    }
}
