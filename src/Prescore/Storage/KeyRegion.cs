using Prescore.Kernels;
using Prescore.Memory;

namespace Prescore.Storage;

/// <summary>
/// A growing list of keys and values in the panels that attention reads: keys as panels [d, panel width], values as panels
/// [capacity, panel width]. Not safe for concurrent writes.
/// </summary>
internal abstract unsafe class KeyRegion : IDisposable
{
    private nint _memory;
    private nint _bias;

    protected KeyRegion(int dimension, int valueDimension, bool weighted)
    {
        Dimension = dimension;
        ValueDimension = valueDimension;
        HasBias = weighted;
    }

    ~KeyRegion() => Free();

    /// <summary>Whether keys carry additive log-weights.</summary>
    public bool HasBias { get; }

    public int Dimension { get; }

    public int ValueDimension { get; }

    /// <summary>Number of keys.</summary>
    public int Count { get; private set; }

    /// <summary>Keys there is room for.</summary>
    public int Capacity { get; private set; }

    /// <summary>Bytes held.</summary>
    public long Bytes => MemoryBytes(Capacity) + BiasBytes(Capacity);

    protected float* Memory => (float*)_memory;

    /// <summary>Log-weights; null where there are none.</summary>
    protected float* BiasData => (float*)_bias;

    public static KeyRegion Create(SimdPath path, int dimension, int valueDimension, bool weighted = false) => path switch
    {
        SimdPath.Vector512 => new KeyRegion<Kernel512>(dimension, valueDimension, weighted),
        SimdPath.Vector256 => new KeyRegion<Kernel256>(dimension, valueDimension, weighted),
        _ => new KeyRegion<KernelScalar>(dimension, valueDimension, weighted),
    };

    /// <summary>Appends a key and its value.</summary>
    public void Append(ReadOnlySpan<float> key, ReadOnlySpan<float> value, float logWeight = 0)
    {
        if (Count == Capacity)
        {
            Reserve(Count + Math.Max(Count / 4, 16));
        }
        if (HasBias)
        {
            BiasData[Count] = logWeight;
        }
        Write(Count++, key, value);
    }

    /// <summary>Log-weight of key <paramref name="index"/>.</summary>
    public float LogWeight(int index) => HasBias ? BiasData[index] : 0;

    /// <summary>Reads key <paramref name="index"/>.</summary>
    public abstract void ReadKey(int index, Span<float> key);

    /// <summary>Reads value <paramref name="index"/>.</summary>
    public abstract void ReadValue(int index, Span<float> value);

    /// <summary>Removes keys [first, first + count); later ones follow.</summary>
    public void Remove(int first, int count)
    {
        Span<float> key = stackalloc float[Dimension], value = stackalloc float[ValueDimension];
        for (int from = first + count; from < Count; from++)
        {
            ReadKey(from, key);
            ReadValue(from, value);
            Write(from - count, key, value);
            if (HasBias)
            {
                BiasData[from - count] = BiasData[from];
            }
        }
        Count -= count;
    }

    /// <summary>Forgets all but the first <paramref name="count"/> keys; keeps the memory.</summary>
    public void Truncate(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count);
        Count = count;
    }

    /// <summary>Makes room for <paramref name="count"/> keys.</summary>
    public void Reserve(int count)
    {
        if (count <= Capacity)
        {
            return;
        }
        int capacity = RoundUp(count);
        nint memory = RegionMemory.Rent(MemoryBytes(capacity));
        nint bias = HasBias ? RegionMemory.Rent(BiasBytes(capacity)) : 0;
        if (Count > 0)
        {
            CopyTo((float*)memory, capacity);
            if (HasBias)
            {
                new ReadOnlySpan<float>(BiasData, Count).CopyTo(new Span<float>((void*)bias, Count));
            }
        }
        Free();
        _memory = memory;
        _bias = bias;
        Capacity = capacity;
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    protected abstract void Write(int index, ReadOnlySpan<float> key, ReadOnlySpan<float> value);

    protected abstract void CopyTo(float* memory, int capacity);

    protected abstract int RoundUp(int count);

    protected abstract long FloatsFor(int capacity);

    private long MemoryBytes(int capacity) => FloatsFor(capacity) * sizeof(float);

    private long BiasBytes(int capacity) => HasBias ? (long)capacity * sizeof(float) : 0;

    private void Free()
    {
        RegionMemory.Return(Interlocked.Exchange(ref _memory, 0), MemoryBytes(Capacity));
        RegionMemory.Return(Interlocked.Exchange(ref _bias, 0), BiasBytes(Capacity));
        Capacity = 0;
    }
}

/// <summary>The layout for one SIMD path.</summary>
internal sealed unsafe class KeyRegion<TKernel>(int dimension, int valueDimension, bool weighted) : KeyRegion(dimension, valueDimension, weighted)
    where TKernel : IKernelPath
{
    private static int Width => TKernel.PanelWidth;

    private int ValuePanels => (ValueDimension + Width - 1) / Width;

    /// <summary>Panels from key <paramref name="first"/> on, a multiple of the panel width.</summary>
    public void Chunk(int first, out float* keys, out float* values, out nint valuePanelStride)
    {
        keys = Memory + (nint)first * Dimension;
        values = Memory + (nint)Capacity * Dimension + (nint)first * Width;
        valuePanelStride = (nint)Capacity * Width;
    }

    /// <summary>Log-weights from key <paramref name="first"/> on, readable up to a whole panel; null where there are none.</summary>
    public float* Bias(int first) => HasBias ? BiasData + first : null;

    public override void ReadKey(int index, Span<float> key)
    {
        float* from = Memory + KeyStart(index);
        for (int l = 0; l < key.Length; l++)
        {
            key[l] = from[l * (nint)Width];
        }
    }

    public override void ReadValue(int index, Span<float> value)
    {
        for (int column = 0; column < ValueDimension; column += Width)
        {
            Span<float> part = value.Slice(column, Math.Min(Width, ValueDimension - column));
            new ReadOnlySpan<float>(Memory + ValueStart(index, column), part.Length).CopyTo(part);
        }
    }

    protected override void Write(int index, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        float* to = Memory + KeyStart(index);
        for (int l = 0; l < key.Length; l++)
        {
            to[l * (nint)Width] = key[l];
        }
        for (int column = 0; column < ValueDimension; column += Width)
        {
            ReadOnlySpan<float> part = value.Slice(column, Math.Min(Width, ValueDimension - column));
            part.CopyTo(new Span<float>(Memory + ValueStart(index, column), part.Length));
        }
    }

    protected override void CopyTo(float* memory, int capacity)
    {
        Copy(Memory, memory, (nint)RoundUp(Count) * Dimension);
        for (int panel = 0; panel < ValuePanels; panel++)
        {
            Copy(
                Memory + (nint)Capacity * Dimension + (nint)panel * Capacity * Width,
                memory + (nint)capacity * Dimension + (nint)panel * capacity * Width,
                (nint)Count * Width);
        }
    }

    protected override int RoundUp(int count) => (count + Width - 1) / Width * Width;

    protected override long FloatsFor(int capacity) => (long)capacity * (Dimension + ValuePanels * Width);

    private static void Copy(float* from, float* to, nint count) => Buffer.MemoryCopy(from, to, count * sizeof(float), count * sizeof(float));

    private nint KeyStart(int index) => (nint)(index / Width) * Width * Dimension + index % Width;

    private nint ValueStart(int index, int column) => (nint)Capacity * Dimension + ((nint)(column / Width) * Capacity + index) * Width + column % Width;
}
