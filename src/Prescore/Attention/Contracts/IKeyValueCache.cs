namespace Prescore.Attention.Contracts;

/// <summary>Heads and head sizes of one layer.</summary>
/// <param name="QueryHeads">Number of query heads.</param>
/// <param name="KeyValueHeads">Number of key/value heads.</param>
/// <param name="HeadDimension">Size of a query and key.</param>
/// <param name="ValueDimension">Size of a value.</param>
/// <param name="Scale">Factor on the dot products; null means 1/√d.</param>
public sealed record CacheShape(int QueryHeads, int KeyValueHeads, int HeadDimension, int ValueDimension, float? Scale = null)
{
    /// <summary>The sizes of one call on a sequence.</summary>
    internal AttentionShape Call(int queries, int keys) => new()
    {
        QueryHeads = QueryHeads,
        KeyValueHeads = KeyValueHeads,
        Queries = queries,
        Keys = keys,
        HeadDimension = HeadDimension,
        ValueDimension = ValueDimension,
    };

    /// <summary>Queries and outputs of a call, dense [count, heads, columns].</summary>
    internal HeadLayout QueryRows(int count, int columns) => HeadLayout.RowsFirst(QueryHeads, count, columns);
}

/// <summary>Keys and values of one layer of one sequence. Not safe for concurrent use.</summary>
public interface IKeyValueCache : IDisposable
{
    /// <summary>Number of tokens held.</summary>
    int Length { get; }

    /// <summary>Bytes held for keys, values and any index over them.</summary>
    long Bytes { get; }

    /// <summary>Appends the keys and values of <paramref name="count"/> tokens and attends causally with their queries.</summary>
    /// <param name="count">Number of new tokens, at least 1.</param>
    /// <param name="queries">New queries, dense [count, query heads, d].</param>
    /// <param name="keys">New keys, dense [count, key/value heads, d].</param>
    /// <param name="values">New values, dense [count, key/value heads, d_v].</param>
    /// <param name="output">Outputs, dense [count, query heads, d_v].</param>
    /// <param name="cancellationToken">Stops the work between tiles; the cache must be disposed of afterwards.</param>
    AttentionReport AppendAndAttend(
        int count,
        ReadOnlySpan<float> queries,
        ReadOnlySpan<float> keys,
        ReadOnlySpan<float> values,
        Span<float> output,
        CancellationToken cancellationToken = default);

    /// <summary>Forgets every token from <paramref name="length"/> on, as if it had never been appended.</summary>
    void Rewind(int length);
}
