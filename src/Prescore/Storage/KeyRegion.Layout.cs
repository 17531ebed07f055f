using System.Numerics.Tensors;
using Prescore.Kernels;
using Prescore.Memory;

namespace Prescore.Storage;

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
        values = expansion + PanelFloats(Dimension);
        valuePanelStride = (nint)ChunkKeys * Width;
        WidenValues(first, padded, values, valuePanelStride);
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
        keys = expansion;
        values = keys + KeyFloats(Count);
        valuePanelStride = (nint)Count * Width;
        Widen(0, Count * KeySize, keys);
        WidenValues(0, Count, values, valuePanelStride);
    }

    /// <summary>Floats that <see cref="AllRows"/> may need.</summary>
    public nint RowFloats => Storage == KeyValueStorage.Fp32 ? 0 : KeyFloats(Count) + (nint)Count * ValuePanels * Width;

    /// <summary>Log-weights from key <paramref name="first"/> on, readable up to a whole panel; null where there are none.</summary>
    public float* Bias(int first) => HasBias ? BiasData + first : null;

    public override void ReadKey(int index, Span<float> key)
    {
        nint start = KeyStart(index);
        if (Order == KeyOrder.Rows)
        {
            Read(start, key);
            return;
        }
        for (int l = 0; l < key.Length; l++)
        {
            nint at = start + l * (nint)Width;
            key[l] = Storage == KeyValueStorage.Fp32 ? ((float*)Memory)[at] : (float)((Half*)Memory)[at];
        }
    }

    public override void ReadValue(int index, Span<float> value)
    {
        for (int column = 0; column < ValueDimension; column += Width)
        {
            Read(ValueStart(index, column), value.Slice(column, Math.Min(Width, ValueDimension - column)));
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
                PanelDistances.Squared(panels + (nint)key * Dimension, Width, point, distances.Slice(first + key, Width));
            }
        }
    }

    protected override void Write(int index, ReadOnlySpan<float> key, ReadOnlySpan<float> value)
    {
        WriteKey(KeyStart(index), key);
        for (int column = 0; column < ValueDimension; column += Width)
        {
            Write(ValueStart(index, column), value.Slice(column, Math.Min(Width, ValueDimension - column)));
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

    protected override void CopyTo(void* memory, ReadOnlySpan<int> order)
    {
        if (Storage == KeyValueStorage.Fp32)
        {
            CopyRows((float*)Memory, (float*)memory, order);
        }
        else
        {
            CopyRows((Half*)Memory, (Half*)memory, order);
        }
    }

    protected override int RoundUp(int count) => (count + Width - 1) / Width * Width;

    protected override long FloatsFor(int capacity) => (long)capacity * (KeySize + ValuePanels * Width);

    private nint KeyStart(int index) => Order == KeyOrder.Rows
        ? (nint)index * KeySize
        : (nint)(index / Width) * Width * Dimension + index % Width;

    private nint ValueStart(int index, int column) =>
        KeyFloats(Capacity) + ((nint)(column / Width) * Capacity + index) * Width + column % Width;

    private void CopyRows<T>(T* from, T* to, ReadOnlySpan<int> order)
        where T : unmanaged
    {
        for (int place = 0; place < order.Length; place++)
        {
            // The padding is alike.
            new ReadOnlySpan<T>(from + KeyStart(order[place]), KeySize).CopyTo(new Span<T>(to + KeyStart(place), KeySize));
            for (int column = 0; column < ValueDimension; column += Width)
            {
                new ReadOnlySpan<T>(from + ValueStart(order[place], column), Width).CopyTo(new Span<T>(to + ValueStart(place, column), Width));
            }
        }
    }

    private void Move<T>(T* memory, int from, int to)
        where T : unmanaged
    {
        T* source = memory + KeyStart(from), target = memory + KeyStart(to);
        if (Order == KeyOrder.Rows)
        {
            // The padding is alike.
            new ReadOnlySpan<T>(source, KeySize).CopyTo(new Span<T>(target, KeySize));
        }
        else
        {
            for (int l = 0; l < Dimension; l++)
            {
                target[l * (nint)Width] = source[l * (nint)Width];
            }
        }
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
        Widen((nint)first * Dimension, padded * Dimension, expansion);
        return expansion;
    }

    private void WriteKey(nint start, ReadOnlySpan<float> key)
    {
        if (Order == KeyOrder.Rows)
        {
            Write(start, key);
            // Padding of a row is 0: whole vectors of it are multiplied. In either storage a zero is all zero bits.
            new Span<byte>((byte*)Memory + (start + Dimension) * ElementSize, (KeySize - Dimension) * ElementSize).Clear();
            return;
        }
        for (int l = 0; l < key.Length; l++)
        {
            nint at = start + l * (nint)Width;
            if (Storage == KeyValueStorage.Fp32)
            {
                ((float*)Memory)[at] = key[l];
            }
            else
            {
                ((Half*)Memory)[at] = (Half)key[l];
            }
        }
    }

    /// <summary>Reads neighbouring elements.</summary>
    private void Read(nint start, Span<float> elements)
    {
        if (Storage == KeyValueStorage.Fp32)
        {
            new ReadOnlySpan<float>((float*)Memory + start, elements.Length).CopyTo(elements);
        }
        else
        {
            TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>((Half*)Memory + start, elements.Length), elements);
        }
    }

    /// <summary>Writes neighbouring elements.</summary>
    private void Write(nint start, ReadOnlySpan<float> elements)
    {
        if (Storage == KeyValueStorage.Fp32)
        {
            elements.CopyTo(new Span<float>((float*)Memory + start, elements.Length));
        }
        else
        {
            TensorPrimitives.ConvertToHalf(elements, new Span<Half>((Half*)Memory + start, elements.Length));
        }
    }

    /// <summary>Widens 16-bit elements.</summary>
    private void Widen(nint start, int count, float* to) =>
        TensorPrimitives.ConvertToSingle(new ReadOnlySpan<Half>((Half*)Memory + start, count), new Span<float>(to, count));

    /// <summary>Widens the 16-bit values of some keys, a panel at a time.</summary>
    private void WidenValues(int first, int keys, float* to, nint panelStride)
    {
        for (int panel = 0; panel < ValuePanels; panel++)
        {
            Widen(ValueStart(first, panel * Width), keys * Width, to + panel * panelStride);
        }
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
                Widen((nint)(first + start) * KeySize, present * KeySize, wide);
                source = wide;
            }
            for (int i = 0; i < PackedRows; i++)
            {
                rows[i] = source + (nint)Math.Min(i, present - 1) * KeySize;
            }
            TKernel.Transpose8(rows, Dimension, panels + (nint)(start / Width) * Width * Dimension + start % Width);
        }
    }
}
