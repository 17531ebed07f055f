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

/// <summary>
/// Keys and values of one layer of one sequence, and what a method keeps with them. It is a function of the tokens it
/// holds, never of how they came: appended at once or one by one, after a <see cref="Rewind"/> or in a <see cref="Fork"/>,
/// the same tokens give the same bits. Not safe for concurrent use; a cache and its forks may be used at the same time.
/// </summary>
public interface IKeyValueCache : IDisposable
{
    /// <summary>Number of tokens held.</summary>
    int Length { get; }

    /// <summary>Bytes held for keys, values and any index over them.</summary>
    long Bytes { get; }

    /// <summary>
    /// Appends the keys and values of <paramref name="count"/> tokens and attends causally with their queries. A call that
    /// throws, for whatever reason, leaves the cache as it was before the call, and usable: its output is then arbitrary. So
    /// a session whose layers hold different numbers of tokens after a cancelled call is mended by a <see cref="Rewind"/> of
    /// every layer to the length before it.
    /// </summary>
    /// <param name="count">Number of new tokens, at least 1.</param>
    /// <param name="queries">New queries, dense [count, query heads, d].</param>
    /// <param name="keys">New keys, dense [count, key/value heads, d].</param>
    /// <param name="values">New values, dense [count, key/value heads, d_v].</param>
    /// <param name="output">Outputs, dense [count, query heads, d_v].</param>
    /// <param name="cancellationToken">Stops the work between tiles.</param>
    /// <returns>The work that was done.</returns>
    /// <exception cref="ArgumentException">The spans are shorter than the sizes say.</exception>
    /// <exception cref="NonFiniteException">A new query, key or value is NaN or infinite.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    AttentionReport AppendAndAttend(
        int count,
        ReadOnlySpan<float> queries,
        ReadOnlySpan<float> keys,
        ReadOnlySpan<float> values,
        Span<float> output,
        CancellationToken cancellationToken = default);

    /// <summary>Forgets every token from <paramref name="length"/> on, as if it had never been appended.</summary>
    /// <param name="length">Tokens to keep, 0 … <see cref="Length"/>; the length itself changes nothing.</param>
    void Rewind(int length);

    /// <summary>
    /// Another cache with the same tokens, which goes its own way: a prompt that several continuations share is computed
    /// once. Each of the two is disposed of on its own.
    /// </summary>
    IKeyValueCache Fork();
}
