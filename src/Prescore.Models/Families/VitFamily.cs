using Prescore.Models.Formats;
using Prescore.Models.Images;

namespace Prescore.Models.Families;

/// <summary>The vision transformer (Dosovitskiy et al., arXiv 2010.11929) in Hugging Face's layout, with or without a classifier.</summary>
internal static class VitFamily
{
    public static VisionPlan Plan(ConfigModelMetadata metadata, ITensorSource tensors)
    {
        string prefix = tensors.HasTensor("vit.embeddings.cls_token") ? "vit." : "";
        VisionConfiguration sizes = VisionSizes.Read(metadata, metadata.Count(null, "intermediate_size"));
        // Of the pooler, which no classifier uses.
        metadata.Text(null, "pooler_act", "");
        return new VisionPlan
        {
            Configuration = sizes,
            Prefix = prefix,
            Names = new TensorNames(prefix + "encoder.layer.", new Dictionary<string, string>
            {
                ["attn_norm"] = "layernorm_before",
                ["attn_q"] = "attention.attention.query",
                ["attn_k"] = "attention.attention.key",
                ["attn_v"] = "attention.attention.value",
                ["attn_output"] = "attention.output.dense",
                ["ffn_norm"] = "layernorm_after",
                ["ffn_up"] = "intermediate.dense",
                ["ffn_down"] = "output.dense",
            }),
            NormEpsilon = VisionSizes.Epsilon(metadata),
            Activation = VisionSizes.Activation(metadata),
            ProjectionBias = metadata.Flag(null, "qkv_bias", true),
            Preprocessing = new ImagePreprocessing
            {
                Size = (sizes.ImageSize, sizes.ImageSize),
                Resampling = Resampling.Bilinear,
                Mean = [.. Enumerable.Repeat(0.5f, sizes.Channels)],
                StandardDeviation = [.. Enumerable.Repeat(0.5f, sizes.Channels)],
            },
            IsUnused = name => name.StartsWith(prefix + "pooler.", StringComparison.Ordinal) || name == prefix + "embeddings.mask_token",
        };
    }
}
