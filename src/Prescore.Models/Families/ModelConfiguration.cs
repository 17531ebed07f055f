using Prescore.Attention.Contracts;

namespace Prescore.Models.Families;

/// <summary>Sizes of a decoder-only transformer.</summary>
public sealed record ModelConfiguration
{
    /// <summary>Architecture as the file names it, such as <c>llama</c>.</summary>
    public required string Architecture { get; init; }

    /// <summary>Number of transformer layers.</summary>
    public required int Layers { get; init; }

    /// <summary>Width of the residual stream.</summary>
    public required int HiddenSize { get; init; }

    /// <summary>Query heads a layer.</summary>
    public required int QueryHeads { get; init; }

    /// <summary>Key/value heads a layer.</summary>
    public required int KeyValueHeads { get; init; }

    /// <summary>Size of a query, key and value.</summary>
    public required int HeadDimension { get; init; }

    /// <summary>Width of the feed-forward layer.</summary>
    public required int FeedForwardSize { get; init; }

    /// <summary>Number of tokens in the vocabulary.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Longest context the model was trained on, in tokens.</summary>
    public required int TrainedContext { get; init; }

    /// <summary>Shape of a layer's attention over the first tokens.</summary>
    /// <param name="tokens">Number of tokens, at least 1.</param>
    public AttentionShape LayerShape(int tokens) => new()
    {
        QueryHeads = QueryHeads,
        KeyValueHeads = KeyValueHeads,
        Queries = tokens,
        Keys = tokens,
        HeadDimension = HeadDimension,
    };
}
