using System.Diagnostics;
using Prescore.Kernels;
using Prescore.Memory;
using Prescore.Scheduling;

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

    private readonly List<SharedMemory> _blocks = [];
    private NativeBuffer? _bias;

    /// <summary>Number of keys packed.</summary>
    public int Count { get; private set; }

    /// <summary>Number of blocks.</summary>
    public int Blocks => BlocksOf(Count);

    /// <summary>Whether keys carry additive log-weights.</summary>
    public bool HasBias { get; private set; }

    public int Dimension { get; private set; }

    public int ValueDimension { get; private set; }

    /// <summary>Bytes held.</summary>
    public long Bytes => sizeof(float) * ((long)_blocks.Sum(block => block.Length) + (_bias?.Length ?? 0));

    /// <summary>Where the value panels start in a block.</summary>
    protected nint ValueOffset => (nint)BlockKeys * Dimension;

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
        if (dimension != Dimension || valueDimension != ValueDimension)
        {
            ReleaseBlocks();
            (Dimension, ValueDimension) = (dimension, valueDimension);
        }
        Count = count;
        HasBias = bias;
        while (_blocks.Count < Blocks)
        {
            _blocks.Add(new SharedMemory(BlockFloats));
        }
        if (bias && (_bias is null || _bias.Length < Blocks * BlockKeys))
        {
            _bias?.Dispose();
            _bias = NativeBuffer.Rent(Math.Max(1, Blocks) * BlockKeys);
        }
    }

    /// <summary>Packs keys behind those that are there; they have no bias.</summary>
    public void Append(MatrixView keys, MatrixView values, int threads, CancellationToken cancellationToken)
    {
        int first = Count;
        Reserve(first + keys.Rows, keys.Columns, values.Columns, bias: false);
        int block = first / BlockKeys;
        if (first % BlockKeys != 0)
        {
            _blocks[block] = _blocks[block].ForWriting();
        }
        ParallelItems.Run(
            Blocks - block,
            threads,
            item =>
            {
                int from = Math.Max(first, (block + item) * BlockKeys), end = Math.Min(Count, (block + item + 1) * BlockKeys);
                PackRows(from, keys, values, Range(stackalloc int[BlockKeys], from - first, end - from));
            },
            cancellationToken);
    }

    /// <summary>Forgets all but the first keys, which have no bias.</summary>
    public void Truncate(int count)
    {
        Count = Math.Min(Count, count);
        // Blocks that a fork reads are not written anew.
        for (; _blocks.Count > Blocks; _blocks.RemoveAt(_blocks.Count - 1))
        {
            _blocks[^1].Release();
        }
    }

    /// <summary>The same keys, which have no bias, going their own way; whole blocks stay shared.</summary>
    public KeyValueTiles Fork(SimdPath path)
    {
        Truncate(Count);
        KeyValueTiles fork = Create(path);
        (fork.Dimension, fork.ValueDimension, fork.Count) = (Dimension, ValueDimension, Count);
        fork._blocks.AddRange(_blocks.Select(block => block.Share()));
        return fork;
    }

    /// <summary>Packs the keys of one block from neighbouring rows: key i of the tiles is row i.</summary>
    public void PackBlock(int block, MatrixView keys, MatrixView values)
    {
        int first = block * BlockKeys;
        PackRows(first, keys, values, Range(stackalloc int[BlockKeys], first, Math.Min(BlockKeys, Count - first)));
    }

    /// <summary>Packs the keys of one block from listed rows: key i of the tiles is row <paramref name="rows"/>[i].</summary>
    public void PackBlock(int block, MatrixView keys, MatrixView values, ReadOnlySpan<int> rows, ReadOnlySpan<float> bias) =>
        Pack(block * BlockKeys, Math.Min(Count, (block + 1) * BlockKeys), keys, values, rows, bias);

    /// <summary>
    /// Packs all listed keys; bias i (if any) belongs to key i of the tiles. The first <paramref name="unchanged"/> are
    /// those that were packed there last time.
    /// </summary>
    public void Pack(MatrixView keys, MatrixView values, ReadOnlySpan<int> rows, ReadOnlySpan<float> bias, int unchanged = 0)
    {
        Reserve(rows.Length, keys.Columns, values.Columns, !bias.IsEmpty);
        for (int first = bias.IsEmpty ? unchanged : 0, end; first < Count; first = end)
        {
            end = Math.Min(Count, (first / BlockKeys + 1) * BlockKeys);
            Pack(first, end, keys, values, rows, bias);
        }
    }

    /// <summary>Copies a key and its value out.</summary>
    public abstract void ReadRow(int key, Span<float> keyRow, Span<float> valueRow);

    public void Dispose()
    {
        ReleaseBlocks();
        _bias?.Dispose();
        _bias = null;
    }

    /// <summary>Floats of one block.</summary>
    protected abstract nint BlockFloats { get; }

    /// <summary>Packs neighbouring keys of one block, from key <paramref name="first"/> on, one a row listed.</summary>
    protected abstract void PackRows(int first, MatrixView keys, MatrixView values, ReadOnlySpan<int> rows);

    protected float* Block(int block) => _blocks[block].Pointer;

    private void Pack(int first, int end, MatrixView keys, MatrixView values, ReadOnlySpan<int> rows, ReadOnlySpan<float> bias)
    {
        PackRows(first, keys, values, rows[first..end]);
        if (HasBias)
        {
            bias[first..end].CopyTo(new Span<float>(BiasData + first, end - first));
            new Span<float>(BiasData + end, BlocksOf(end) * BlockKeys - end).Clear();
        }
    }

    private static ReadOnlySpan<int> Range(Span<int> rows, int first, int count)
    {
        for (int i = 0; i < count; i++)
        {
            rows[i] = first + i;
        }
        return rows[..count];
    }

    private void ReleaseBlocks()
    {
        _blocks.ForEach(block => block.Release());
        _blocks.Clear();
    }
}

/// <summary>Packing for one SIMD path.</summary>
internal sealed unsafe class KeyValueTiles<TKernel> : KeyValueTiles
    where TKernel : IKernelPath
{
    private int ValuePanels => (ValueDimension + TKernel.PanelWidth - 1) / TKernel.PanelWidth;

    protected override nint BlockFloats => ValueOffset + (nint)BlockKeys * TKernel.PanelWidth * ValuePanels;

    /// <summary>Key panel of a block: [d, panel width].</summary>
    public float* KeyPanel(int block, int panel) => Block(block) + panel * TKernel.PanelWidth * (nint)Dimension;

    /// <summary>Value panel of a block: [BlockKeys, panel width].</summary>
    public float* ValuePanel(int block, int panel) => Block(block) + ValueOffset + panel * (nint)(BlockKeys * TKernel.PanelWidth);

    /// <summary>Log-weights of a block, [BlockKeys].</summary>
    public float* Bias(int block) => BiasData + block * (nint)BlockKeys;

    public override void ReadRow(int key, Span<float> keyRow, Span<float> valueRow)
    {
        int block = key / BlockKeys, index = key % BlockKeys, width = TKernel.PanelWidth;
        float* column = KeyColumn(block, index);
        for (int l = 0; l < Dimension; l++)
        {
            keyRow[l] = column[l * width];
        }
        for (int panel = 0; panel < ValuePanels; panel++)
        {
            int columns = Math.Min(width, ValueDimension - panel * width);
            new ReadOnlySpan<float>(ValuePanel(block, panel) + index * width, columns).CopyTo(valueRow[(panel * width)..]);
        }
    }

    protected override void PackRows(int first, MatrixView keys, MatrixView values, ReadOnlySpan<int> rows)
    {
        int block = first / BlockKeys, start = first % BlockKeys;
        int single = Math.Min(rows.Length, -start & 7);
        for (int i = 0; i < single; i++)
        {
            PackKey(block, start + i, keys.Row(rows[i]));
        }
        float** pointers = stackalloc float*[8];
        // Rows and columns beyond the data are read from here.
        int paddedDimension = (Dimension + 7) & ~7;
        float* scratch = stackalloc float[8 * paddedDimension];
        new Span<float>(scratch, 8 * paddedDimension).Clear();
        for (int i = single; i < rows.Length; i += 8)
        {
            if (rows.Length - i == 1)
            {
                PackKey(block, start + i, keys.Row(rows[i]));
                break;
            }
            PackEightKeys(KeyColumn(block, start + i), keys, rows, i, pointers, scratch, paddedDimension);
        }
        PackValues(block, start, values, rows);
    }

    /// <summary>Where the components of a block's key start; the next ones are a panel's width apart.</summary>
    private float* KeyColumn(int block, int key) => KeyPanel(block, key / TKernel.PanelWidth) + key % TKernel.PanelWidth;

    private void PackKey(int block, int index, ReadOnlySpan<float> key)
    {
        float* target = KeyColumn(block, index);
        for (int l = 0; l < key.Length; l++)
        {
            target[l * TKernel.PanelWidth] = key[l];
        }
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

    private void PackValues(int block, int start, MatrixView values, ReadOnlySpan<int> rows)
    {
        Debug.Assert(values.Columns == ValueDimension);
        int width = TKernel.PanelWidth;
        for (int panel = 0; panel < ValuePanels; panel++)
        {
            float* target = ValuePanel(block, panel) + start * width;
            int columns = Math.Min(width, ValueDimension - panel * width);
            for (int i = 0; i < rows.Length; i++)
            {
                var row = new Span<float>(target + i * width, width);
                values.Row(rows[i]).Slice(panel * width, columns).CopyTo(row);
                row[columns..].Clear();
            }
        }
    }
}
