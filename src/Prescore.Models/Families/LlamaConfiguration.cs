using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;

namespace Prescore.Models.Families;

/// <summary>Reads and checks the sizes of a Llama model from the metadata of its file.</summary>
internal static class LlamaConfiguration
{
    /// <summary>Reads the <c>llama.*</c> keys.</summary>
    /// <exception cref="ModelFormatException">A key is missing, of the wrong type, or does not fit the others.</exception>
    public static ModelConfiguration Read(GgufFile file)
    {
        GgufMetadata metadata = file.Metadata;
        int hidden = metadata.GetCount("llama.embedding_length");
        int heads = metadata.GetCount("llama.attention.head_count");
        int headDimension = metadata.GetCount("llama.attention.key_length", hidden / Math.Max(1, heads));
        var configuration = new ModelConfiguration
        {
            Architecture = metadata.GetString("general.architecture"),
            Layers = metadata.GetCount("llama.block_count"),
            HiddenSize = hidden,
            QueryHeads = heads,
            KeyValueHeads = metadata.GetCount("llama.attention.head_count_kv", heads),
            HeadDimension = headDimension,
            FeedForwardSize = metadata.GetCount("llama.feed_forward_length"),
            VocabularySize = (int)Math.Min(int.MaxValue, file.GetTensor("token_embd.weight").Rows),
            TrainedContext = metadata.GetCount("llama.context_length"),
            NormEpsilon = metadata.GetFloat("llama.attention.layer_norm_rms_epsilon"),
            RopeBase = metadata.GetFloat("llama.rope.freq_base", 10000),
            RopeDimensions = metadata.GetCount("llama.rope.dimension_count", headDimension),
            RopeScaling = GgufRopeScaling.Read(file, "llama"),
        };
        if (Problem(file, configuration) is string problem)
        {
            throw new ModelFormatException(file.Path, problem, "the metadata are damaged or of a variant that is not supported");
        }
        return configuration;
    }

    private static string? Problem(GgufFile file, ModelConfiguration sizes)
    {
        GgufMetadata metadata = file.Metadata;
        return (sizes.Layers, sizes.HiddenSize, sizes.FeedForwardSize, sizes.HeadDimension, sizes.TrainedContext, sizes.QueryHeads) switch
        {
            (0, _, _, _, _, _) => "llama.block_count is 0",
            (_, 0, _, _, _, _) => "llama.embedding_length is 0",
            (_, _, 0, _, _, _) => "llama.feed_forward_length is 0",
            (_, _, _, 0, _, _) => "the size of a head is 0",
            (_, _, _, _, 0, _) => "llama.context_length is 0",
            (_, _, _, _, _, 0) => "llama.attention.head_count is 0",
            // Every layer has tensors of its own, so this also bounds what is allocated for the list of layers.
            _ when sizes.Layers > file.Tensors.Count => $"llama.block_count is {sizes.Layers} in a file of {file.Tensors.Count} tensors",
            _ when sizes.KeyValueHeads == 0 || sizes.QueryHeads % sizes.KeyValueHeads != 0 =>
                $"{sizes.QueryHeads} query heads are no multiple of {sizes.KeyValueHeads} key/value heads",
            _ when metadata.GetCount("llama.attention.value_length", sizes.HeadDimension) is int values && values != sizes.HeadDimension =>
                $"values of size {values} beside keys of size {sizes.HeadDimension}",
            _ when sizes.RopeDimensions > sizes.HeadDimension || sizes.RopeDimensions % 2 != 0 =>
                $"llama.rope.dimension_count is {sizes.RopeDimensions} with heads of size {sizes.HeadDimension}",
            _ when !(sizes.RopeBase > 1 && float.IsFinite(sizes.RopeBase)) => $"llama.rope.freq_base is {sizes.RopeBase}",
            _ when !(sizes.NormEpsilon >= 0 && float.IsFinite(sizes.NormEpsilon)) => $"llama.attention.layer_norm_rms_epsilon is {sizes.NormEpsilon}",
            _ => GgufUncomputed.Find(metadata, "llama"),
        };
    }
}
