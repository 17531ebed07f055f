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

    /// <summary>Depth that is expanded at a time: a whole number of blocks of every format.</summary>
    private const int BlockDepth = 256;

    /// <summary>Most values of a row that are expanded at a time for dot products.</summary>
    private const int PieceLength = 512;

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
            MultiplyMany(aData, aStride, m, cData, cStride, threads, gated: true);
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

    private void MultiplyMany(float* a, nint aStride, int m, float* c, nint cStride, int threads, bool gated)
    {
        if (Activations == ActivationPrecision.Int8)
        {
            MultiplyManyInt8(a, aStride, m, c, cStride, threads, gated);
        }
        else
        {
            MultiplyManyFloats(a, aStride, m, c, cStride, threads, gated);
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
}
