using Prescore.Memory;

namespace Prescore.Storage;

/// <summary>
/// Keys and values of one key/value head in order of arrival, appended once and never moved: 16-bit codes
/// (<see cref="ShortCodes"/>) in rows padded to whole vectors, two scales a key, and log-weights where there are any. It
/// is the cache of these keys and what attention computes from. Not safe for concurrent writes.
/// </summary>
internal sealed unsafe class CodedKeys(int dimension, int valueDimension, bool weighted) : IDisposable
{
    /// <summary>Rows are padded with zeros to a multiple of it: a cache line.</summary>
    public const int Padding = 32;

    /// <summary>Keys that there is room for at first: pages that no key has touched take no memory.</summary>
    private const int LeastKeys = 4096;

    /// <summary>Bytes of a key's scales.</summary>
    private const long ScaleBytes = 2 * sizeof(float);

    private readonly GrowingMemory _keys = new();
    private readonly GrowingMemory _values = new();
    private readonly GrowingMemory _scales = new();
    private readonly GrowingMemory _logWeights = new();

    /// <summary>Keys whose memory was touched and not given back.</summary>
    private int _touched;

    /// <summary>Length d of keys.</summary>
    public int Dimension => dimension;

    /// <summary>Length d_v of values.</summary>
    public int ValueDimension => valueDimension;

    /// <summary>Codes from one key to the next.</summary>
    public int KeyStride { get; } = Padded(dimension);

    /// <summary>Codes from one value to the next.</summary>
    public int ValueStride { get; } = Padded(valueDimension);

    /// <summary>Number of keys.</summary>
    public int Count { get; private set; }

    /// <summary>Keys there is room for.</summary>
    public int Capacity => (int)(_scales.Bytes / ScaleBytes);

    /// <summary>Whether keys have log-weights.</summary>
    public bool HasLogWeights => weighted;

    /// <summary>Bytes held: those that keys have touched.</summary>
    public long Bytes => _touched * KeyBytes;

    /// <summary>Codes of keys [n, <see cref="KeyStride"/>].</summary>
    public short* Keys => (short*)_keys.Pointer;

    /// <summary>Codes of values [n, <see cref="ValueStride"/>].</summary>
    public short* Values => (short*)_values.Pointer;

    /// <summary>Scale of the key, scale of the value [n, 2].</summary>
    public float* Scales => (float*)_scales.Pointer;

    /// <summary>Log-weights [n]; null where there are none.</summary>
    public float* LogWeights => (float*)_logWeights.Pointer;

    private long KeyBytes => sizeof(short) * (KeyStride + ValueStride) + 2 * sizeof(float) + (weighted ? sizeof(float) : 0);

    /// <summary>A length padded to whole vectors.</summary>
    public static int Padded(int length) => (length + Padding - 1) / Padding * Padding;

    /// <summary>Appends a key and its value; what is read back is what <see cref="ShortCodes.Round"/> gives.</summary>
    public void Append(ReadOnlySpan<float> key, ReadOnlySpan<float> value, float logWeight)
    {
        if (Count == Capacity)
        {
            Reserve(Math.Max(Count + 1, LeastKeys));
        }
        float keyScale = ShortCodes.ScaleOf(key, ShortCodes.KeyLevels), valueScale = ShortCodes.ScaleOf(value, ShortCodes.ValueLevels);
        ShortCodes.Encode(key, keyScale, ShortCodes.KeyLevels, new Span<short>(Keys + (nint)Count * KeyStride, KeyStride));
        ShortCodes.Encode(value, valueScale, ShortCodes.ValueLevels, new Span<short>(Values + (nint)Count * ValueStride, ValueStride));
        (Scales[2 * (nint)Count], Scales[2 * (nint)Count + 1]) = (keyScale, valueScale);
        if (weighted)
        {
            LogWeights[Count] = logWeight;
        }
        _touched = Math.Max(_touched, ++Count);
    }

    /// <summary>Takes over all keys of another, which have no log-weights; this one is empty.</summary>
    public void CopyFrom(CodedKeys other)
    {
        Reserve(other.Count);
        _touched = Count = other.Count;
        Buffer.MemoryCopy(other.Keys, Keys, Count * sizeof(short) * (long)KeyStride, Count * sizeof(short) * (long)KeyStride);
        Buffer.MemoryCopy(other.Values, Values, Count * sizeof(short) * (long)ValueStride, Count * sizeof(short) * (long)ValueStride);
        Buffer.MemoryCopy(other.Scales, Scales, Count * 2L * sizeof(float), Count * 2L * sizeof(float));
    }

    /// <summary>Reads a key.</summary>
    public void ReadKey(int index, Span<float> key) =>
        ShortCodes.Decode(new ReadOnlySpan<short>(Keys + (nint)index * KeyStride, KeyStride), Scales[2 * (nint)index], key);

    /// <summary>Reads a value.</summary>
    public void ReadValue(int index, Span<float> value) =>
        ShortCodes.Decode(new ReadOnlySpan<short>(Values + (nint)index * ValueStride, ValueStride), Scales[2 * (nint)index + 1], value);

    /// <summary>Reads keys [first, first + count) into dense rows.</summary>
    public void ReadKeys(int first, int count, Span<float> rows)
    {
        for (int i = 0; i < count; i++)
        {
            ReadKey(first + i, rows.Slice(i * dimension, dimension));
        }
    }

    /// <summary>Log-weight of a key.</summary>
    public float LogWeight(int index) => weighted ? LogWeights[index] : 0;

    /// <summary>Forgets all but the first <paramref name="count"/> keys; keeps the memory.</summary>
    public void Truncate(int count)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, Count);
        Count = count;
    }

    /// <summary>Gives touched memory that is not used back where it is more than half.</summary>
    public void Trim()
    {
        if (Count < _touched / 2)
        {
            Resize(Count);
            _touched = Count;
        }
    }

    /// <summary>Makes room for <paramref name="count"/> keys, twice as much as there is at least: growing often would cost more than what is never touched.</summary>
    public void Reserve(int count)
    {
        if (count > Capacity)
        {
            Resize(Math.Max(count, 2 * Capacity));
        }
    }

    public void Dispose()
    {
        foreach (GrowingMemory memory in (ReadOnlySpan<GrowingMemory>)[_keys, _values, _scales, _logWeights])
        {
            memory.Dispose();
        }
        (Count, _touched) = (0, 0);
    }

    private void Resize(int capacity)
    {
        _keys.Resize(capacity * sizeof(short) * (long)KeyStride);
        _values.Resize(capacity * sizeof(short) * (long)ValueStride);
        _logWeights.Resize(weighted ? capacity * (long)sizeof(float) : 0);
        // Last: they tell the capacity, also where there was no memory for all.
        _scales.Resize(capacity * ScaleBytes);
    }
}
