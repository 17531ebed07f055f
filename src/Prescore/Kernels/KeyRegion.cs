using System.Numerics;
using System.Numerics.Tensors;

namespace Prescore.Kernels;

/// <summary>How keys and values are stored.</summary>
public enum KeyValueStorage
{
    /// <summary>32-bit floats.</summary>
    Fp32,

    /// <summary>16-bit floats: half the memory and bandwidth, keys and values rounded to 11 bits.</summary>
    Fp16,
}

/// <summary>How the keys of a region lie in memory.</summary>
internal enum KeyOrder
{
    /// <summary>Panels [d, panel width]: what register tiles read as they lie.</summary>
    Panels,

    /// <summary>One key after the other: single keys are read at once, tiles pack them first.</summary>
    Rows,
}

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

/// <summary>The layout for one SIMD path.</summary>
internal sealed unsafe class KeyRegion<TKernel>(
    int dimension, int valueDimension, KeyValueStorage storage, bool weighted, KeyOrder order)
    : KeyRegion(dimension, valueDimension, storage, weighted, order)
    where TKernel : IKernelPath
{
    /// <summary>Keys that are packed at a time.</summary>
    private const int PackedRows = 8;

    private static int Width => TKernel.PanelWidth;

    private int ValuePanels => (ValueDimension + Width - 1) / Width;

    /// <summary>Elements of one key: rows are padded with zeros to whole vectors.</summary>
    private int KeySize => Order == KeyOrder.Panels ? Dimension : RowStride(Dimension);

    private nint KeyFloats(int capacity) => (nint)capacity * KeySize;

    /// <summary>Distance of the components of a key.</summary>
    private nint KeyStep => Order == KeyOrder.Panels ? Width : 1;

    /// <summary>Floats between keys that lie in rows.</summary>
    public static int RowStride(int dimension) => (dimension + 15) & ~15;

    /// <summary>Floats that <see cref="Chunk"/> needs to expand or pack a chunk.</summary>
    public static nint ExpansionFloats(int dimension, int valueDimension) =>
        PanelFloats(dimension) + (nint)ChunkKeys * ((valueDimension + Width - 1) / Width * Width);

    /// <summary>Floats of a packed chunk's keys: packing writes up to 8 rows too many, and widens 16-bit rows behind them.</summary>
    private static nint PanelFloats(int dimension) =>
        (nint)ChunkKeys * dimension + PackedRows * Width + PackedRows * RowStride(dimension);

    /// <summary>
    /// Panels of the chunk of keys that starts at <paramref name="first"/> (a multiple of <see cref="KeyRegion.ChunkKeys"/>):
    /// where they lie, or expanded to 32 bits in <paramref name="expansion"/>.
    /// </summary>
    public void Chunk(int first, float* expansion, out float* keys, out float* values, out nint valuePanelStride)
    {
        int padded = RoundUp(Math.Min(ChunkKeys, Count - first));
        keys = ChunkOfKeys(first, padded, expansion);
        if (Storage == KeyValueStorage.Fp32)
        {
            values = (float*)Memory + KeyFloats(Capacity) + (nint)first * Width;
            valuePanelStride = (nint)Capacity * Width;
            return;
        }
        var source = (Half*)Memory;
        values = expansion + PanelFloats(Dimension);
        valuePanelStride = (nint)ChunkKeys * Width;
        for (int panel = 0; panel < ValuePanels; panel++)
        {
            TensorPrimitives.ConvertToSingle(
                new ReadOnlySpan<Half>(source + KeyFloats(Capacity) + ((nint)panel * Capacity + first) * Width, padded * Width),
                new Span<float>(values + panel * valuePanelStride, padded * Width));
        }
    }

    /// <summary>
    /// All keys and values in rows, 32 bits wide: where they lie, or expanded in <paramref name="expansion"/>
    /// (<see cref="RowFloats"/> long). Only for keys in rows.
    /// </summary>
    /// <param name="expansion">Room for the expansion of 16-bit storage.</param>
    /// <param name="keys">Keys, <see cref="RowStride"/> floats apart, padded with zeros.</param>
    /// <param name="values">Panels of values, a panel width of floats a key.</param>
    /// <param name="valuePanelStride">Floats between the panels.</param>
    public void AllRows(float* expansion, out float* keys, out float* values, out nint valuePanelStride)
    {
        if (Storage == KeyValueStorage.Fp32)
        {
            keys = (float*)Memory;
            values = keys + KeyFloats(Capacity);
            valuePanelStride = (nint)Capacity * Width;
            return;
        }
        var source = (Half*)Memory;
        keys = expansion;
        values = keys + KeyFloats(Count);
        valuePanelStride = (nint)Count * Width;
        TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>(source, (int)KeyFloats(Count)), new Span<float>(keys, (int)KeyFloats(Count)));
        for (int panel = 0; panel < ValuePanels; panel++)
        {
            TensorPrimitives.ConvertToSingle(
                new ReadOnlySpan<Half>(source + KeyFloats(Capacity) + (nint)panel * Capacity * Width, Count * Width),
                new Span<float>(values + panel * valuePanelStride, Count * Width));
        }
    }

    /// <summary>Floats that <see cref="AllRows"/> may need.</summary>
    public nint RowFloats => Storage == KeyValueStorage.Fp32 ? 0 : KeyFloats(Count) + (nint)Count * ValuePanels * Width;

    /// <summary>Log-weights from key <paramref name="first"/> on, readable up to a whole panel; null where there are none.</summary>
    public float* Bias(int first) => HasBias ? BiasData + first : null;

    public override void ReadKey(int index, Span<float> key)
    {
        nint start = KeyStart(index);
        if (Storage == KeyValueStorage.Fp32)
        {
            float* from = (float*)Memory + start;
            for (int l = 0; l < key.Length; l++)
            {
                key[l] = from[l * KeyStep];
            }
            return;
        }
        Half* half = (Half*)Memory + start;
        for (int l = 0; l < key.Length; l++)
        {
            key[l] = (float)half[l * KeyStep];
        }
    }

    public override void ReadValue(int index, Span<float> value)
    {
        for (int column = 0; column < ValueDimension; column += Width)
        {
            Span<float> part = value.Slice(column, Math.Min(Width, ValueDimension - column));
            nint at = ValueStart(index, column);
            if (Storage == KeyValueStorage.Fp32)
            {
                new ReadOnlySpan<float>((float*)Memory + at, part.Length).CopyTo(part);
            }
            else
            {
                TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>((Half*)Memory + at, part.Length), part);
            }
        }
    }

    public override void RemoveSwap(int index)
    {
        int last = --Count;
        if (index == last)
        {
            return;
        }
        if (HasBias)
        {
            BiasData[index] = BiasData[last];
        }
        if (Storage == KeyValueStorage.Fp32)
        {
            Move((float*)Memory, last, index);
        }
        else
        {
            Move((Half*)Memory, last, index);
        }
    }

    public override void Products(ReadOnlySpan<float> rows, int first, Span<float> products)
    {
        int keys = Math.Min(ChunkKeys, Count - first);
        using NativeBuffer? expanded = RentExpansion();
        float* panels = ChunkOfKeys(first, RoundUp(keys), expanded is null ? null : expanded.Pointer);
        fixed (float* a = rows, c = products)
        {
            for (int key = 0; key < keys; key += Width)
            {
                for (int row = 0; row < rows.Length / Dimension; row += 6)
                {
                    TKernel.MultiplyColumns(
                        a + (nint)row * Dimension, Dimension, panels + (nint)key * Dimension, Dimension,
                        c + (nint)row * ChunkKeys + key, ChunkKeys, Math.Min(Width, keys - key));
                }
            }
        }
    }

    public override void SquaredDistances(ReadOnlySpan<float> point, Span<float> distances)
    {
        using NativeBuffer? expanded = RentExpansion();
        for (int first = 0; first < Count; first += ChunkKeys)
        {
            int keys = Math.Min(ChunkKeys, Count - first);
            float* panels = ChunkOfKeys(first, RoundUp(keys), expanded is null ? null : expanded.Pointer);
            for (int key = 0; key < keys; key += Width)
            {
                PanelDistances(panels + (nint)key * Dimension, point, distances.Slice(first + key, Width));
            }
        }
    }

    protected override void Write(int index, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        nint start = KeyStart(index);
        if (Storage == KeyValueStorage.Fp32)
        {
            float* to = (float*)Memory + start;
            for (int l = 0; l < key.Length; l++)
            {
                to[l * KeyStep] = key[l];
            }
            ClearTail(to);
        }
        else
        {
            Half* to = (Half*)Memory + start;
            for (int l = 0; l < key.Length; l++)
            {
                to[l * KeyStep] = (Half)key[l];
            }
            ClearTail(to);
        }
        for (int column = 0; column < ValueDimension; column += Width)
        {
            ReadOnlySpan<float> part = value.Slice(column, Math.Min(Width, ValueDimension - column));
            nint at = ValueStart(index, column);
            if (Storage == KeyValueStorage.Fp32)
            {
                part.CopyTo(new Span<float>((float*)Memory + at, part.Length));
            }
            else
            {
                TensorPrimitives.ConvertToHalf(part, new Span<Half>((Half*)Memory + at, part.Length));
            }
        }
    }

    protected override void CopyTo(void* memory, int capacity)
    {
        int size = ElementSize;
        var from = (byte*)Memory;
        var to = (byte*)memory;
        nint keyBytes = (nint)RoundUp(Count) * KeySize * size;
        Buffer.MemoryCopy(from, to, keyBytes, keyBytes);
        nint panelBytes = (nint)Count * Width * size;
        for (int panel = 0; panel < ValuePanels; panel++)
        {
            Buffer.MemoryCopy(
                from + (KeyFloats(Capacity) + (nint)panel * Capacity * Width) * size,
                to + (KeyFloats(capacity) + (nint)panel * capacity * Width) * size,
                panelBytes,
                panelBytes);
        }
    }

    protected override int RoundUp(int count) => (count + Width - 1) / Width * Width;

    protected override long FloatsFor(int capacity) => (long)capacity * (KeySize + ValuePanels * Width);

    private nint KeyStart(int index) => Order == KeyOrder.Rows
        ? (nint)index * KeySize
        : (nint)(index / Width) * Width * Dimension + index % Width;

    /// <summary>Padding of a row is 0: whole vectors of it are multiplied.</summary>
    private void ClearTail<T>(T* key)
        where T : unmanaged
    {
        if (Order == KeyOrder.Rows)
        {
            new Span<T>(key + Dimension, KeySize - Dimension).Clear();
        }
    }

    private nint ValueStart(int index, int column) =>
        KeyFloats(Capacity) + ((nint)(column / Width) * Capacity + index) * Width + column % Width;

    private void Move<T>(T* memory, int from, int to)
        where T : unmanaged
    {
        T* source = memory + KeyStart(from), target = memory + KeyStart(to);
        for (int l = 0; l < Dimension; l++)
        {
            target[l * KeyStep] = source[l * KeyStep];
        }
        ClearTail(target);
        for (int column = 0; column < ValueDimension; column += Width)
        {
            int length = Math.Min(Width, ValueDimension - column);
            new ReadOnlySpan<T>(memory + ValueStart(from, column), length).CopyTo(new Span<T>(memory + ValueStart(to, column), length));
        }
    }

    /// <summary>Memory for the panels of a chunk where they do not lie ready.</summary>
    private NativeBuffer? RentExpansion() =>
        Storage == KeyValueStorage.Fp32 && Order == KeyOrder.Panels ? null : NativeBuffer.Rent(PanelFloats(Dimension));

    /// <summary>Panels of <paramref name="padded"/> keys (whole panels) from <paramref name="first"/> on: where they lie, or in <paramref name="expansion"/>.</summary>
    private float* ChunkOfKeys(int first, int padded, float* expansion)
    {
        if (Order == KeyOrder.Rows)
        {
            PackKeys(first, Math.Min(padded, Count - first), expansion);
            return expansion;
        }
        if (Storage == KeyValueStorage.Fp32)
        {
            return (float*)Memory + (nint)first * Dimension;
        }
        TensorPrimitives.ConvertToSingle(
            new ReadOnlySpan<Half>((Half*)Memory + (nint)first * Dimension, padded * Dimension), new Span<float>(expansion, padded * Dimension));
        return expansion;
    }

    /// <summary>Packs rows into panels, eight at a time; the last eight repeat the last key.</summary>
    private void PackKeys(int first, int count, float* panels)
    {
        float** rows = stackalloc float*[PackedRows];
        float* wide = panels + (nint)ChunkKeys * Dimension + PackedRows * Width;
        for (int start = 0; start < count; start += PackedRows)
        {
            int present = Math.Min(PackedRows, count - start);
            float* source = (float*)Memory + (nint)(first + start) * KeySize;
            if (Storage == KeyValueStorage.Fp16)
            {
                TensorPrimitives.ConvertToSingle(
                    new ReadOnlySpan<Half>((Half*)Memory + (nint)(first + start) * KeySize, present * KeySize),
                    new Span<float>(wide, present * KeySize));
                source = wide;
            }
            for (int i = 0; i < PackedRows; i++)
            {
                rows[i] = source + (nint)Math.Min(i, present - 1) * KeySize;
            }
            TKernel.Transpose8(rows, Dimension, panels + (nint)(start / Width) * Width * Dimension + start % Width);
        }
    }

    /// <summary>Four chains of sums at a time, as one waits for itself; the panel is a whole number of vectors wide.</summary>
    private static void PanelDistances(float* panel, ReadOnlySpan<float> point, Span<float> distances)
    {
        int lanes = Vector<float>.Count;
        fixed (float* to = distances)
        {
            int key = 0;
            for (; key + 4 * lanes <= Width; key += 4 * lanes)
            {
                float* column = panel + key;
                Vector<float> sum0 = default, sum1 = default, sum2 = default, sum3 = default;
                foreach (float component in point)
                {
                    var centre = new Vector<float>(component);
                    Vector<float> difference = Vector.Load(column) - centre;
                    sum0 = Vector.FusedMultiplyAdd(difference, difference, sum0);
                    difference = Vector.Load(column + lanes) - centre;
                    sum1 = Vector.FusedMultiplyAdd(difference, difference, sum1);
                    difference = Vector.Load(column + 2 * lanes) - centre;
                    sum2 = Vector.FusedMultiplyAdd(difference, difference, sum2);
                    difference = Vector.Load(column + 3 * lanes) - centre;
                    sum3 = Vector.FusedMultiplyAdd(difference, difference, sum3);
                    column += Width;
                }
                sum0.Store(to + key);
                sum1.Store(to + key + lanes);
                sum2.Store(to + key + 2 * lanes);
                sum3.Store(to + key + 3 * lanes);
            }
            for (; key < Width; key += lanes)
            {
                float* column = panel + key;
                Vector<float> sum = default;
                foreach (float component in point)
                {
                    Vector<float> difference = Vector.Load(column) - new Vector<float>(component);
                    sum = Vector.FusedMultiplyAdd(difference, difference, sum);
                    column += Width;
                }
                sum.Store(to + key);
            }
        }
    }
}
