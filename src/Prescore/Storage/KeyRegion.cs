using Prescore.Kernels;
using Prescore.Memory;

namespace Prescore.Storage;

/// <summary>
/// A growing list of keys and values, contiguous: keys as panels or rows, values as panels [capacity, panel width]. It is
/// the cache of these keys and what attention computes from: there is no second copy. Not safe for concurrent writes.
/// </summary>
internal abstract unsafe class KeyRegion : IDisposable
{
    /// <summary>Keys that one step of a kernel takes.</summary>
    public const int ChunkKeys = 128;

    private nint _memory;
    private nint _bias;

    protected KeyRegion(int dimension, int valueDimension, KeyValueStorage storage, bool weighted, KeyOrder order)
    {
        Order = order;
        Dimension = dimension;
        ValueDimension = valueDimension;
        Storage = storage;
        HasBias = weighted;
    }

    ~KeyRegion() => Free();

    /// <summary>Whether keys carry additive log-weights.</summary>
    public bool HasBias { get; }

    public int Dimension { get; }

    public int ValueDimension { get; }

    public KeyValueStorage Storage { get; }

    public KeyOrder Order { get; }

    /// <summary>Number of keys.</summary>
    public int Count { get; protected set; }

    /// <summary>Keys there is room for.</summary>
    public int Capacity { get; private set; }

    /// <summary>Bytes held.</summary>
    public long Bytes => MemoryBytes(Capacity) + BiasBytes(Capacity);

    protected void* Memory => (void*)_memory;

    /// <summary>Log-weights; null where there are none.</summary>
    protected float* BiasData => (float*)_bias;

    protected int ElementSize => Storage == KeyValueStorage.Fp32 ? sizeof(float) : sizeof(ushort);

    public static KeyRegion Create(
        SimdPath path,
        int dimension,
        int valueDimension,
        KeyValueStorage storage,
        bool weighted = false,
        KeyOrder order = KeyOrder.Panels) => path switch
        {
            SimdPath.Vector512 => new KeyRegion<Kernel512>(dimension, valueDimension, storage, weighted, order),
            SimdPath.Vector256 => new KeyRegion<Kernel256>(dimension, valueDimension, storage, weighted, order),
            _ => new KeyRegion<KernelScalar>(dimension, valueDimension, storage, weighted, order),
        };

    /// <summary>Appends a key and its value, rounded to the storage type.</summary>
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

    /// <summary>Overwrites a key and its value, rounded to the storage type.</summary>
    public void Replace(int index, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, Count);
        Write(index, key, value);
    }

    /// <summary>Log-weight of key <paramref name="index"/>.</summary>
    public float LogWeight(int index) => HasBias ? BiasData[index] : 0;

    /// <summary>Reads key <paramref name="index"/> as stored.</summary>
    public abstract void ReadKey(int index, Span<float> key);

    /// <summary>Reads value <paramref name="index"/> as stored.</summary>
    public abstract void ReadValue(int index, Span<float> value);

    /// <summary>Removes a key; the last one takes its place.</summary>
    public abstract void RemoveSwap(int index);

    /// <summary>Keys change places; they must lie in rows.</summary>
    /// <param name="order">Where each place's key was before [count]; every place once.</param>
    public void Reorder(ReadOnlySpan<int> order)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(order.Length, Count);
        ArgumentOutOfRangeException.ThrowIfNotEqual((int)Order, (int)KeyOrder.Rows);
        nint memory = RegionMemory.Rent(MemoryBytes(Capacity));
        CopyTo((void*)memory, order);
        RegionMemory.Return(Interlocked.Exchange(ref _memory, memory), MemoryBytes(Capacity));
        if (HasBias)
        {
            nint bias = RegionMemory.Rent(BiasBytes(Capacity));
            for (int place = 0; place < order.Length; place++)
            {
                ((float*)bias)[place] = BiasData[order[place]];
            }
            RegionMemory.Return(Interlocked.Exchange(ref _bias, bias), BiasBytes(Capacity));
        }
    }

    /// <summary>
    /// Dot products of some rows with the chunk of keys that starts at <paramref name="first"/> (a multiple of
    /// <see cref="ChunkKeys"/>): products[i · ChunkKeys + j] = rows[i] · key[first + j].
    /// </summary>
    /// <param name="rows">Rows [count, d], dense; count is a multiple of 6.</param>
    /// <param name="first">First key.</param>
    /// <param name="products">Receives [count, ChunkKeys]; columns beyond the last key are arbitrary.</param>
    public abstract void Products(ReadOnlySpan<float> rows, int first, Span<float> products);

    /// <summary>Squared distances of all keys to a point.</summary>
    /// <param name="point">Point [d].</param>
    /// <param name="distances">Receives one distance a key; as long as the count rounded up to <see cref="ChunkKeys"/>.</param>
    public abstract void SquaredDistances(ReadOnlySpan<float> point, Span<float> distances);

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
            CopyTo((void*)memory, capacity);
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

    protected abstract void CopyTo(void* memory, int capacity);

    /// <summary>Copies keys in rows and their values to other places of as much memory.</summary>
    protected abstract void CopyTo(void* memory, ReadOnlySpan<int> order);

    protected abstract int RoundUp(int count);

    protected abstract long FloatsFor(int capacity);

    private long MemoryBytes(int capacity) => FloatsFor(capacity) * ElementSize;

    private long BiasBytes(int capacity) => HasBias ? (long)capacity * sizeof(float) : 0;

    private void Free()
    {
        RegionMemory.Return(Interlocked.Exchange(ref _memory, 0), MemoryBytes(Capacity));
        RegionMemory.Return(Interlocked.Exchange(ref _bias, 0), BiasBytes(Capacity));
        Capacity = 0;
    }
}
