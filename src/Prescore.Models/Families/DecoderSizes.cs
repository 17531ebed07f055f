using Prescore.Models.Formats;

namespace Prescore.Models.Families;

/// <summary>Reads and checks the sizes of a decoder.</summary>
internal static class DecoderSizes
{
    /// <summary>Reads them by the names that most families have.</summary>
    /// <exception cref="ModelFormatException">A value is missing, of the wrong type, or does not fit the others.</exception>
    public static ModelConfiguration Read(ModelMetadata metadata)
    {
        int layers = metadata.Count("block_count", "num_hidden_layers");
        int hidden = metadata.Count("embedding_length", "hidden_size");
        int heads = metadata.Count("attention.head_count", "num_attention_heads");
        return Checked(metadata, new ModelConfiguration
        {
            Architecture = metadata.Architecture,
            Layers = layers,
            HiddenSize = hidden,
            QueryHeads = heads,
            KeyValueHeads = metadata.Count("attention.head_count_kv", "num_key_value_heads", heads),
            HeadDimension = metadata.Count("attention.key_length", "head_dim", hidden / Math.Max(1, heads)),
            FeedForwardSize = metadata.Count("feed_forward_length", "intermediate_size"),
            VocabularySize = metadata.Count(null, "vocab_size", 0),
            TrainedContext = metadata.Count("context_length", "max_position_embeddings"),
        });
    }

    /// <summary>The sizes, if they fit each other.</summary>
    /// <exception cref="ModelFormatException">They do not.</exception>
    public static ModelConfiguration Checked(ModelMetadata metadata, ModelConfiguration sizes)
    {
        foreach ((int size, string gguf, string config) in new[]
        {
            (sizes.Layers, "block_count", "num_hidden_layers"),
            (sizes.HiddenSize, "embedding_length", "hidden_size"),
            (sizes.QueryHeads, "attention.head_count", "num_attention_heads"),
            (sizes.HeadDimension, "attention.key_length", "head_dim"),
            (sizes.FeedForwardSize, "feed_forward_length", "intermediate_size"),
            (sizes.TrainedContext, "context_length", "max_position_embeddings"),
        })
        {
            if (size == 0)
            {
                throw metadata.Unsupported(metadata.NameOf(gguf, config), 0);
            }
        }
        string? problem = sizes.KeyValueHeads == 0 || sizes.QueryHeads % sizes.KeyValueHeads != 0
            ? $"{sizes.QueryHeads} query heads are no multiple of {sizes.KeyValueHeads} key/value heads"
            : metadata.Count("attention.value_length", null, sizes.HeadDimension) is int values && values != sizes.HeadDimension
            ? $"values of size {values} beside keys of size {sizes.HeadDimension}"
            : null;
        return problem is null ? sizes : throw new ModelFormatException(
            metadata.Path, problem, "the metadata are damaged or of a variant that is not supported");
    }
}
