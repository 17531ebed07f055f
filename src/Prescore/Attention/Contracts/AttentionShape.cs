namespace Prescore.Attention.Contracts;

/// <summary>
/// Sizes of one batched multi-head attention. Query head h reads key/value head h / (<see cref="QueryHeads"/> /
/// <see cref="KeyValueHeads"/>) (grouped-query attention). The queries stand at the last <see cref="Queries"/>
/// positions of the keys.
/// </summary>
public readonly record struct AttentionShape
{
    /// <summary>Number of independent sequences, at least 1.</summary>
    public int Batch { get; init; } = 1;

    /// <summary>Number of query heads; a multiple of <see cref="KeyValueHeads"/>.</summary>
    public required int QueryHeads { get; init; }

    /// <summary>Number of key/value heads.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>Number of queries a head (n_q); for causal attention at most <see cref="Keys"/>.</summary>
    public required int Queries { get; init; }

    /// <summary>Number of keys a head (n_k).</summary>
    public required int Keys { get; init; }

    /// <summary>Size d of a query and of a key.</summary>
    public required int HeadDimension { get; init; }

    /// <summary>Size of a value and of an output row; 0 means the same as <see cref="HeadDimension"/>.</summary>
    public int ValueDimension { get => field == 0 ? HeadDimension : field; init; }

    /// <summary>Creates an empty shape with a batch of one.</summary>
    public AttentionShape()
    {
    }

    /// <summary>Query heads that share one key/value head.</summary>
    public int GroupSize => QueryHeads / KeyValueHeads;

    /// <summary>Absolute position of the first query: n_k − n_q.</summary>
    public int FirstQueryPosition => Keys - Queries;

    /// <summary>
    /// Interactions of exact attention over the whole batch and all heads: the sum over queries of the keys each
    /// one sees (design, section 2).
    /// </summary>
    /// <param name="causal">Whether a query sees only keys at its own and earlier positions.</param>
    public long ExactInteractions(bool causal)
    {
        long perHead = causal
            ? (long)Queries * FirstQueryPosition + (long)Queries * (Queries + 1) / 2
            : (long)Queries * Keys;
        return perHead * QueryHeads * Batch;
    }
}
