using Prescore.Attention.Contracts;
using Prescore.Memory;
using Prescore.Storage;

namespace Prescore.Attention.Core;

/// <summary>
/// What a cache keeps of one sequence between its calls: keys and values in rows, and whatever else a method derives from
/// them so as not to compute it for every token. Not safe for concurrent use.
/// </summary>
internal class SequenceMemory : IDisposable
{
    private readonly GatherStore _gathers;

    public SequenceMemory(CacheShape shape, AttentionOptions options)
    {
        (Shape, Options) = (shape, options);
        _gathers = new GatherStore(options.Simd);
        Keys = [.. Enumerable.Range(0, shape.KeyValueHeads).Select(_ => new RowStore(shape.HeadDimension))];
        Values = [.. Enumerable.Range(0, shape.KeyValueHeads).Select(_ => new RowStore(shape.ValueDimension))];
    }

    /// <summary>Keys of every key/value head.</summary>
    public RowStore[] Keys { get; }

    /// <summary>Values of every key/value head.</summary>
    public RowStore[] Values { get; }

    /// <summary>Bytes held.</summary>
    public virtual long Bytes => Keys.Sum(rows => rows.Bytes) + Values.Sum(rows => rows.Bytes) + _gathers.Bytes;

    protected CacheShape Shape { get; }

    protected AttentionOptions Options { get; }

    /// <summary>Lists of keys that stay packed from one token to the next; null where several items of a head may run at once.</summary>
    public GatherStore? GathersFor(int queries) => queries == 1 ? _gathers : null;

    /// <summary>Takes in the new keys and values of a call.</summary>
    public virtual void Append(AttentionCall call)
    {
        for (int head = 0; head < Keys.Length; head++)
        {
            Keys[head].Append(call.NewKeys(0, head));
            Values[head].Append(call.NewValues(0, head));
        }
    }

    /// <summary>Copies a head's keys [n, d] and values [n, d_v] out.</summary>
    public virtual void ReadRows(int head, Span<float> keys, Span<float> values)
    {
        Keys[head].View.Span.CopyTo(keys);
        Values[head].View.Span.CopyTo(values);
    }

    /// <summary>Takes in keys and values of a head that come from no call; what is derived from them comes when it is needed.</summary>
    public virtual void AppendRows(int head, MatrixView keys, MatrixView values)
    {
        Keys[head].Append(keys);
        Values[head].Append(values);
    }

    /// <summary>Forgets all from position <paramref name="length"/> on.</summary>
    public virtual void Truncate(int length)
    {
        Array.ForEach(Keys, rows => rows.Truncate(length));
        Array.ForEach(Values, rows => rows.Truncate(length));
        _gathers.Truncate(length);
    }

    /// <summary>A copy that goes its own way: it shares the rows until one of the two appends; what is derived comes anew.</summary>
    public SequenceMemory Fork()
    {
        SequenceMemory fork = Empty();
        for (int head = 0; head < Keys.Length; head++)
        {
            fork.Keys[head] = Keys[head].Fork();
            fork.Values[head] = Values[head].Fork();
        }
        CopyTo(fork);
        return fork;
    }

    public virtual void Dispose()
    {
        Array.ForEach(Keys, rows => rows.Dispose());
        Array.ForEach(Values, rows => rows.Dispose());
        _gathers.Dispose();
    }

    /// <summary>An empty memory of the same kind.</summary>
    protected virtual SequenceMemory Empty() => new(Shape, Options);

    /// <summary>Hands on what is not derived, or cheaper to copy than to derive.</summary>
    protected virtual void CopyTo(SequenceMemory fork)
    {
    }
}
