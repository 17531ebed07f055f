using Prescore.Attention.Contracts;

namespace Prescore.Attention.Core;

/// <summary>Keeps keys and values contiguous, heads first, and hands all of them to a stateless method at every call.</summary>
public sealed class ContiguousKeyValueCache : IKeyValueCache
{
    private readonly IAttention _attention;
    private readonly CacheShape _shape;
    private readonly AttentionOptions _options;
    private float[] _keys = [];
    private float[] _values = [];
    private int _capacity;

    /// <summary>Creates an empty cache.</summary>
    public ContiguousKeyValueCache(IAttention attention, CacheShape shape, AttentionOptions options)
    {
        _attention = attention;
        _shape = shape;
        _options = options;
    }

    /// <inheritdoc/>
    public int Length { get; private set; }

    /// <inheritdoc/>
    public long Bytes => sizeof(float) * ((long)_keys.Length + _values.Length);

    /// <inheritdoc/>
    public AttentionReport AppendAndAttend(
        int count,
        ReadOnlySpan<float> queries,
        ReadOnlySpan<float> keys,
        ReadOnlySpan<float> values,
        Span<float> output,
        CancellationToken cancellationToken = default)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        int length = checked(Length + count);
        Grow(length);
        CopyRows(keys, _keys, count, _shape.HeadDimension);
        CopyRows(values, _values, count, _shape.ValueDimension);
        Length = length;
        var input = new AttentionInput
        {
            Shape = _shape.Call(count, length),
            Queries = queries,
            QueryLayout = _shape.QueryRows(count, _shape.HeadDimension),
            Keys = _keys,
            KeyLayout = HeadLayout.HeadsFirst(_shape.KeyValueHeads, _capacity, _shape.HeadDimension),
            Values = _values,
            ValueLayout = HeadLayout.HeadsFirst(_shape.KeyValueHeads, _capacity, _shape.ValueDimension),
            Causal = true,
            Scale = _shape.Scale,
        };
        var result = new AttentionOutput
        {
            Output = output,
            Layout = _shape.QueryRows(count, _shape.ValueDimension),
        };
        try
        {
            return _attention.Compute(input, result, _options, cancellationToken);
        }
        catch
        {
            Length = length - count;
            throw;
        }
    }

    /// <inheritdoc/>
    public void Rewind(int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(length, Length);
        Length = length;
    }

    /// <inheritdoc/>
    /// <remarks>Copies keys and values.</remarks>
    public IKeyValueCache Fork() => new ContiguousKeyValueCache(_attention, _shape, _options)
    {
        _keys = [.. _keys],
        _values = [.. _values],
        _capacity = _capacity,
        Length = Length,
    };

    /// <inheritdoc/>
    public void Dispose()
    {
        _keys = _values = [];
        _capacity = Length = 0;
    }

    private void CopyRows(ReadOnlySpan<float> rows, float[] store, int count, int dimension)
    {
        for (int head = 0; head < _shape.KeyValueHeads; head++)
        {
            for (int i = 0; i < count; i++)
            {
                rows.Slice((i * _shape.KeyValueHeads + head) * dimension, dimension)
                    .CopyTo(store.AsSpan((head * _capacity + Length + i) * dimension));
            }
        }
    }

    private void Grow(int length)
    {
        if (length <= _capacity)
        {
            return;
        }
        // The first growth is exact (a prefill usually comes whole); later ones leave room for decoding.
        int capacity = _capacity == 0 ? length : Math.Max(length, checked(_capacity + _capacity / 4 + 256));
        _keys = Regrow(_keys, capacity, _shape.HeadDimension);
        _values = Regrow(_values, capacity, _shape.ValueDimension);
        _capacity = capacity;
    }

    private float[] Regrow(float[] store, int capacity, int dimension)
    {
        float[] grown = GC.AllocateUninitializedArray<float>(checked(_shape.KeyValueHeads * capacity * dimension));
        for (int head = 0; head < _shape.KeyValueHeads; head++)
        {
            store.AsSpan(head * _capacity * dimension, Length * dimension).CopyTo(grown.AsSpan(head * capacity * dimension));
        }
        return grown;
    }
}
