using System.Diagnostics;
using Prescore.Kernels;
using Prescore.Memory;

namespace Prescore.Storage;

/// <summary>
/// Keys and values packed for the tile kernels, in blocks of <see cref="BlockKeys"/> keys. A block holds the keys as
/// panels [d, panel width] (transposed: one column a key), then the values as panels [BlockKeys, panel width] (one
/// column an output dimension). Missing keys and columns are zero, so kernels work on whole panels.
/// </summary>
internal abstract unsafe class KeyValueTiles : IDisposable
{
    /// <summary>Keys in one block: a multiple of every panel width.</summary>
    public const int BlockKeys = 128;

    private NativeBuffer? _buffer;
    private NativeBuffer? _bias;

    /// <summary>Number of keys packed.</summary>
    public int Count { get; private set; }

    /// <summary>Number of blocks.</summary>
    public int Blocks => BlocksOf(Count);

    /// <summary>Whether keys carry additive log-weights.</summary>
    public bool HasBias { get; private set; }

    public int Dimension { get; private set; }

    public int ValueDimension { get; private set; }

    /// <summary>Floats of one block.</summary>
    protected nint BlockStride { get; private set; }

    /// <summary>Where the value panels start in a block.</summary>
    protected nint ValueOffset { get; private set; }

    protected float* Data => _buffer!.Pointer;

    protected float* BiasData => _bias!.Pointer;

    /// <summary>Creates empty tiles for a SIMD path.</summary>
    public static KeyValueTiles Create(SimdPath path) => path switch
    {
        SimdPath.Vector512 => new KeyValueTiles<Kernel512>(),
        SimdPath.Vector256 => new KeyValueTiles<Kernel256>(),
        _ => new KeyValueTiles<KernelScalar>(),
    };

    /// <summary>Number of blocks that <paramref name="count"/> keys take.</summary>
    public static int BlocksOf(int count) => (count + BlockKeys - 1) / BlockKeys;

    /// <summary>Makes room for <paramref name="count"/> keys; their content is then set by the Pack methods.</summary>
    public void Reserve(int count, int dimension, int valueDimension, bool bias)
    {
        Dimension = dimension;
        ValueDimension = valueDimension;
        Layout(dimension, valueDimension, out nint valueOffset, out nint stride);
        ValueOffset = valueOffset;
        BlockStride = stride;
        Count = count;
        HasBias = bias;
        Grow(ref _buffer, Math.Max(1, Blocks) * stride);
        if (bias)
        {
            Grow(ref _bias, Math.Max(1, Blocks) * BlockKeys);
        }
    }

    /// <summary>Packs the keys of one block from neighbouring rows: key i of the tiles is row i.</summary>
    public abstract void PackBlock(int block, MatrixView keys, MatrixView values, ReadOnlySpan<float> bias);

    /// <summary>Packs the keys of one block from listed rows: key i of the tiles is row <paramref name="rows"/>[i].</summary>
    public abstract void PackBlock(int block, MatrixView keys, MatrixView values, ReadOnlySpan<int> rows, ReadOnlySpan<float> bias);

    /// <summary>Packs all listed keys; bias i (if any) belongs to key i of the tiles.</summary>
    public void Pack(MatrixView keys, MatrixView values, ReadOnlySpan<int> rows, ReadOnlySpan<float> bias)
    {
        Reserve(rows.Length, keys.Columns, values.Columns, !bias.IsEmpty);
        for (int block = 0; block < Blocks; block++)
        {
            PackBlock(block, keys, values, rows, bias);
        }
    }

    public void Dispose()
    {
        _buffer?.Dispose();
        _bias?.Dispose();
        _buffer = _bias = null;
    }

    protected abstract void Layout(int dimension, int valueDimension, out nint valueOffset, out nint stride);

    private static void Grow(ref NativeBuffer? buffer, nint length)
    {
        if (buffer is null || buffer.Length < length)
        {
            buffer?.Dispose();
            buffer = NativeBuffer.Rent(length);
        }
    }
}

/// <summary>Packing for one SIMD path.</summary>
internal sealed unsafe class KeyValueTiles<TKernel> : KeyValueTiles
    where TKernel : IKernelPath
{
    /// <summary>Key panel of a block: [d, panel width].</summary>
    public float* KeyPanel(int block, int panel) => Data + block * BlockStride + panel * TKernel.PanelWidth * (nint)Dimension;

    /// <summary>Value panel of a block: [BlockKeys, panel width].</summary>
    public float* ValuePanel(int block, int panel) => Data + block * BlockStride + ValueOffset + panel * (nint)(BlockKeys * TKernel.PanelWidth);

    /// <summary>Log-weights of a block, [BlockKeys].</summary>
    public float* Bias(int block) => BiasData + block * (nint)BlockKeys;

    public override void PackBlock(int block, MatrixView keys, MatrixView values, ReadOnlySpan<float> bias)
    {
        int first = block * BlockKeys;
        Span<int> rows = stackalloc int[Math.Min(BlockKeys, Count - first)];
        for (int i = 0; i < rows.Length; i++)
        {
            rows[i] = first + i;
        }
        PackRows(block, keys, values, rows);
        PackBias(block, bias);
    }

    public override void PackBlock(int block, MatrixView keys, MatrixView values, ReadOnlySpan<int> rows, ReadOnlySpan<float> bias)
    {
        int first = block * BlockKeys;
        PackRows(block, keys, values, rows.Slice(first, Math.Min(BlockKeys, Count - first)));
        PackBias(block, bias);
    }

    protected override void Layout(int dimension, int valueDimension, out nint valueOffset, out nint stride)
    {
        int valuePanels = (valueDimension + TKernel.PanelWidth - 1) / TKernel.PanelWidth;
        valueOffset = (nint)BlockKeys * dimension;
        stride = valueOffset + (nint)BlockKeys * TKernel.PanelWidth * valuePanels;
    }

    private void PackBias(int block, ReadOnlySpan<float> bias)
    {
        if (!HasBias)
        {
            return;
        }
        var target = new Span<float>(Bias(block), BlockKeys);
        int first = block * BlockKeys;
        bias.Slice(first, Math.Min(BlockKeys, Count - first)).CopyTo(target);
        target[Math.Min(BlockKeys, Count - first)..].Clear();
    }

    private void PackRows(int block, MatrixView keys, MatrixView values, ReadOnlySpan<int> rows)
    {
        int panels = (rows.Length + TKernel.PanelWidth - 1) / TKernel.PanelWidth;
        float** pointers = stackalloc float*[8];
        // Rows and columns beyond the data are read from here.
        int paddedDimension = (Dimension + 7) & ~7;
        float* scratch = stackalloc float[8 * paddedDimension];
        new Span<float>(scratch, 8 * paddedDimension).Clear();
        for (int panel = 0; panel < panels; panel++)
        {
            for (int group = 0; group < TKernel.PanelWidth; group += 8)
            {
                PackEightKeys(KeyPanel(block, panel) + group, keys, rows, panel * TKernel.PanelWidth + group, pointers, scratch, paddedDimension);
            }
        }
        PackValues(block, values, rows);
    }

    private void PackEightKeys(
        float* target, MatrixView keys, ReadOnlySpan<int> rows, int first, float** pointers, float* scratch, int paddedDimension)
    {
        bool direct = Dimension == paddedDimension;
        for (int j = 0; j < 8; j++)
        {
            float* padded = scratch + j * paddedDimension;
            if (first + j >= rows.Length)
            {
                new Span<float>(padded, Dimension).Clear();
                pointers[j] = padded;
            }
            else if (direct)
            {
                pointers[j] = keys.Pointer(rows[first + j]);
            }
            else
            {
                keys.Row(rows[first + j]).CopyTo(new Span<float>(padded, Dimension));
                pointers[j] = padded;
            }
        }
        if (direct)
        {
            TKernel.Transpose8(pointers, Dimension, target);
            return;
        }
        for (int l = 0; l < Dimension; l++)
        {
            for (int j = 0; j < 8; j++)
            {
                target[l * TKernel.PanelWidth + j] = pointers[j][l];
            }
        }
    }

    private void PackValues(int block, MatrixView values, ReadOnlySpan<int> rows)
    {
        Debug.Assert(values.Columns == ValueDimension);
        int width = TKernel.PanelWidth;
        for (int panel = 0; panel * width < ValueDimension; panel++)
        {
            float* target = ValuePanel(block, panel);
            int columns = Math.Min(width, ValueDimension - panel * width);
            for (int i = 0; i < rows.Length; i++)
            {
                var row = new Span<float>(target + i * width, width);
                values.Row(rows[i]).Slice(panel * width, columns).CopyTo(row);
                row[columns..].Clear();
            }
            // The value product runs over whole vectors of weights; absent keys have weight 0 and must not be NaN.
            new Span<float>(target + rows.Length * width, (BlockKeys - rows.Length) * width).Clear();
        }
    }
}
