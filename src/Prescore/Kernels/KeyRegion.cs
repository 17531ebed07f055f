using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Prescore.Kernels;

/// <summary>How keys and values are stored.</summary>
public enum KeyValueStorage
{
    /// <summary>32-bit floats.</summary>
    Fp32,

    /// <summary>16-bit floats: half the memory and bandwidth, keys and values rounded to 11 bits.</summary>
    Fp16,
}

/// <summary>
/// A growing list of keys and values in the layout of the tile kernels: keys as panels [d, panel width], values as
/// panels [capacity, panel width], contiguous. It is the cache of these keys and what attention computes from: there
/// is no second copy. Not safe for concurrent writes.
/// </summary>
internal abstract unsafe class KeyRegion : IDisposable
{
    /// <summary>Keys that one step of a kernel takes.</summary>
    public const int ChunkKeys = 128;

    private nint _memory;

    protected KeyRegion(int dimension, int valueDimension, KeyValueStorage storage)
    {
        Dimension = dimension;
        ValueDimension = valueDimension;
        Storage = storage;
    }

    ~KeyRegion() => Free();

    public int Dimension { get; }

    public int ValueDimension { get; }

    public KeyValueStorage Storage { get; }

    /// <summary>Number of keys.</summary>
    public int Count { get; protected set; }

    /// <summary>Keys there is room for.</summary>
    public int Capacity { get; private set; }

    /// <summary>Bytes held.</summary>
    public long Bytes => Capacity == 0 ? 0 : FloatsFor(Capacity) * ElementSize;

    protected void* Memory => (void*)_memory;

    protected int ElementSize => Storage == KeyValueStorage.Fp32 ? sizeof(float) : sizeof(ushort);

    public static KeyRegion Create(SimdPath path, int dimension, int valueDimension, KeyValueStorage storage) => path switch
    {
        SimdPath.Vector512 => new KeyRegion<Kernel512>(dimension, valueDimension, storage),
        SimdPath.Vector256 => new KeyRegion<Kernel256>(dimension, valueDimension, storage),
        _ => new KeyRegion<KernelScalar>(dimension, valueDimension, storage),
    };

    /// <summary>Appends a key and its value, rounded to the storage type.</summary>
    public void Append(ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        if (Count == Capacity)
        {
            Reserve(Count + Math.Max(Count / 4, 16));
        }
        Write(Count++, key, value);
    }

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
        nint memory = (nint)NativeMemory.AlignedAlloc((nuint)(FloatsFor(capacity) * ElementSize), 64);
        // Kernels run over whole panels: what is not a key must be finite.
        NativeMemory.Clear((void*)memory, (nuint)(FloatsFor(capacity) * ElementSize));
        if (Count > 0)
        {
            CopyTo((void*)memory, capacity);
        }
        Free();
        _memory = memory;
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

    private void Free()
    {
        nint memory = Interlocked.Exchange(ref _memory, 0);
        if (memory != 0)
        {
            NativeMemory.AlignedFree((void*)memory);
        }
        Capacity = 0;
    }
}

/// <summary>The layout for one SIMD path.</summary>
internal sealed unsafe class KeyRegion<TKernel>(int dimension, int valueDimension, KeyValueStorage storage)
    : KeyRegion(dimension, valueDimension, storage)
    where TKernel : IKernelPath
{
    private static int Width => TKernel.PanelWidth;

    private int ValuePanels => (ValueDimension + Width - 1) / Width;

    private nint KeyFloats(int capacity) => (nint)capacity * Dimension;

    /// <summary>Floats that <see cref="Chunk"/> needs to expand a chunk of 16-bit storage.</summary>
    public static nint ExpansionFloats(int dimension, int valueDimension) =>
        (nint)ChunkKeys * (dimension + (valueDimension + Width - 1) / Width * Width);

    /// <summary>
    /// Panels of the chunk of keys that starts at <paramref name="first"/> (a multiple of <see cref="KeyRegion.ChunkKeys"/>):
    /// where they lie, or expanded to 32 bits in <paramref name="expansion"/>.
    /// </summary>
    public void Chunk(int first, float* expansion, out float* keys, out float* values, out nint valuePanelStride)
    {
        if (Storage == KeyValueStorage.Fp32)
        {
            keys = (float*)Memory + (nint)first * Dimension;
            values = (float*)Memory + KeyFloats(Capacity) + (nint)first * Width;
            valuePanelStride = (nint)Capacity * Width;
            return;
        }
        int padded = RoundUp(Math.Min(ChunkKeys, Count - first));
        var source = (Half*)Memory;
        TensorPrimitives.ConvertToSingle(
            new ReadOnlySpan<Half>(source + (nint)first * Dimension, padded * Dimension), new Span<float>(expansion, padded * Dimension));
        keys = expansion;
        values = expansion + (nint)ChunkKeys * Dimension;
        valuePanelStride = (nint)ChunkKeys * Width;
        for (int panel = 0; panel < ValuePanels; panel++)
        {
            TensorPrimitives.ConvertToSingle(
                new ReadOnlySpan<Half>(source + KeyFloats(Capacity) + ((nint)panel * Capacity + first) * Width, padded * Width),
                new Span<float>(values + panel * valuePanelStride, padded * Width));
        }
    }

    public override void ReadKey(int index, Span<float> key)
    {
        nint start = KeyStart(index);
        for (int l = 0; l < Dimension; l++)
        {
            key[l] = Storage == KeyValueStorage.Fp32 ? ((float*)Memory)[start + (nint)l * Width] : (float)((Half*)Memory)[start + (nint)l * Width];
        }
    }

    public override void ReadValue(int index, Span<float> value)
    {
        for (int c = 0; c < ValueDimension; c++)
        {
            nint at = ValueStart(index, c);
            value[c] = Storage == KeyValueStorage.Fp32 ? ((float*)Memory)[at] : (float)((Half*)Memory)[at];
        }
    }

    public override void RemoveSwap(int index)
    {
        int last = --Count;
        if (index == last)
        {
            return;
        }
        for (int l = 0; l < Dimension; l++)
        {
            Copy(KeyStart(last) + (nint)l * Width, KeyStart(index) + (nint)l * Width);
        }
        for (int c = 0; c < ValueDimension; c++)
        {
            Copy(ValueStart(last, c), ValueStart(index, c));
        }
    }

    public override void Products(ReadOnlySpan<float> rows, int first, Span<float> products)
    {
        int keys = RoundUp(Math.Min(ChunkKeys, Count - first));
        using NativeBuffer? expanded = Storage == KeyValueStorage.Fp16 ? NativeBuffer.Rent((nint)keys * Dimension) : null;
        float* panels = Storage == KeyValueStorage.Fp32 ? (float*)Memory + (nint)first * Dimension : expanded!.Pointer;
        if (expanded is not null)
        {
            TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>((Half*)Memory + (nint)first * Dimension, keys * Dimension), expanded.Span);
        }
        fixed (float* a = rows, c = products)
        {
            for (int row = 0; row < rows.Length / Dimension; row += 6)
            {
                for (int key = 0; key < keys; key += Width)
                {
                    TKernel.Multiply(
                        a + (nint)row * Dimension, Dimension, panels + (nint)key * Dimension, Dimension,
                        c + (nint)row * ChunkKeys + key, ChunkKeys, accumulate: false);
                }
            }
        }
    }

    protected override void Write(int index, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        nint start = KeyStart(index);
        for (int l = 0; l < Dimension; l++)
        {
            Store(start + (nint)l * Width, key[l]);
        }
        for (int c = 0; c < ValueDimension; c++)
        {
            Store(ValueStart(index, c), value[c]);
        }
    }

    protected override void CopyTo(void* memory, int capacity)
    {
        int size = ElementSize;
        var from = (byte*)Memory;
        var to = (byte*)memory;
        nint keyBytes = (nint)RoundUp(Count) * Dimension * size;
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

    protected override long FloatsFor(int capacity) => (long)capacity * (Dimension + ValuePanels * Width);

    private nint KeyStart(int index) => (nint)(index / Width) * Width * Dimension + index % Width;

    private nint ValueStart(int index, int column) =>
        KeyFloats(Capacity) + ((nint)(column / Width) * Capacity + index) * Width + column % Width;

    private void Copy(nint from, nint to)
    {
        if (Storage == KeyValueStorage.Fp32)
        {
            ((float*)Memory)[to] = ((float*)Memory)[from];
        }
        else
        {
            ((Half*)Memory)[to] = ((Half*)Memory)[from];
        }
    }

    private void Store(nint at, float value)
    {
        if (Storage == KeyValueStorage.Fp32)
        {
            ((float*)Memory)[at] = value;
        }
        else
        {
            ((Half*)Memory)[at] = (Half)value;
        }
    }
}
