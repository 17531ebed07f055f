using Prescore.Kernels;
using Prescore.Storage;

namespace Prescore.Attention.Core;

/// <summary>
/// A list of keys of one head that some queries attend, with an additive bias each, packed into dense tiles. Removed
/// keys (log-weight −∞) never enter; the log-weights of the others are part of their bias. One instance a thread.
/// </summary>
/// <param name="simd">SIMD path.</param>
/// <param name="oneHead">
/// All lists are of one head of one sequence: keys at the start of a list that were there when it was last packed are not
/// packed again.
/// </param>
internal sealed class KeyGather(SimdPath simd, bool oneHead = false) : IDisposable
{
    private readonly KeyValueTiles _tiles = KeyValueTiles.Create(simd);
    private AttentionCall? _call;
    private int[] _packed = [];
    private int _packedCount;
    private int[] _keys = new int[1024];
    private float[] _bias = new float[1024];
    private int _batch;
    private int _head;
    private bool _biased;

    /// <summary>Number of keys in the list.</summary>
    public int Count { get; private set; }

    /// <summary>Bytes of the packed keys and values.</summary>
    public long Bytes => _tiles.Bytes;

    /// <summary>The keys in the order they were added.</summary>
    public ReadOnlySpan<int> Keys => _keys.AsSpan(0, Count);

    private AttentionCall Call => _call ?? throw new InvalidOperationException("no list has begun");

    /// <summary>Starts an empty list of keys of a key/value head.</summary>
    public void Begin(AttentionCall call, int batch, int head)
    {
        (_call, _batch, _head, Count, _biased) = (call, batch, head, 0, call.HasLogWeights);
    }

    /// <summary>Keys from position <paramref name="length"/> on may be others when the list is packed next.</summary>
    public void Forget(int length)
    {
        int known = _packed.AsSpan(0, _packedCount).IndexOfAnyInRange(length, int.MaxValue);
        _packedCount = known < 0 ? _packedCount : known;
    }

    /// <summary>Adds a key unless it is removed.</summary>
    public void Add(int key, float bias = 0)
    {
        _biased |= bias != 0;
        if (Call.HasLogWeights)
        {
            bias += Call.KeyLogWeights(_batch, _head)[key];
            if (float.IsNegativeInfinity(bias))
            {
                return;
            }
        }
        if (Count == _keys.Length)
        {
            Array.Resize(ref _keys, 2 * Count);
            Array.Resize(ref _bias, 2 * Count);
        }
        _keys[Count] = key;
        _bias[Count++] = bias;
    }

    /// <summary>Adds listed keys with one bias.</summary>
    public void Add(ReadOnlySpan<int> keys, float bias = 0)
    {
        foreach (int key in keys)
        {
            Add(key, bias);
        }
    }

    /// <summary>Adds keys first, first + 1, …, end − 1.</summary>
    public void AddRange(int first, int end)
    {
        for (int key = first; key < end; key++)
        {
            Add(key);
        }
    }

    /// <summary>Adds keys end − 1, end − 2, …, first.</summary>
    public void AddRangeDescending(int first, int end)
    {
        for (int key = end - 1; key >= first; key--)
        {
            Add(key);
        }
    }

    /// <summary>The list as tiles; valid until the next call.</summary>
    public KeyValueTiles Pack()
    {
        int unchanged = !oneHead ? 0 : Keys.CommonPrefixLength(_packed.AsSpan(0, _packedCount));
        _tiles.Pack(Call.Keys(_batch, _head), Call.Values(_batch, _head), Keys, _biased ? _bias.AsSpan(0, Count) : default, unchanged);
        if (oneHead)
        {
            _packed = _packed.Length < Count ? new int[_keys.Length] : _packed;
            Keys.CopyTo(_packed);
            _packedCount = Count;
        }
        return _tiles;
    }

    public void Dispose() => _tiles.Dispose();
}
