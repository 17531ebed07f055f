using Prescore.Models.Formats;
using Prescore.Models.Images;

namespace Prescore.Models.Families;

/// <summary>
/// DINOv2 (Oquab et al., arXiv 2304.07193) in Hugging Face's layout, with or without a classifier: a vision transformer with
/// layer scale whose classifier sees CLS and the mean of the patches.
/// </summary>
internal static class Dinov2Family
{
    public static VisionPlan Plan(ConfigModelMetadata metadata, ITensorSource tensors)
    {
        string prefix = tensors.HasTensor("dinov2.embeddings.cls_token") ? "dinov2." : "";
        double inner = metadata.Number(null, "mlp_ratio", 4) * metadata.Count(null, "hidden_size");
        VisionConfiguration sizes = VisionSizes.Read(metadata, (int)Math.Min(int.MaxValue, inner));
        if (metadata.Flag(null, "use_swiglu_ffn", false))
        {
            throw metadata.Unsupported("use_swiglu_ffn", true);
        }
        // The factors themselves are among the tensors; whether hidden states are normed is about backbones for other heads.
        metadata.Number(null, "layerscale_value", 1);
        metadata.Flag(null, "apply_layernorm", true);
        bool colour = sizes.Channels == 3;
        return new VisionPlan
        {
            Configuration = sizes,
            Prefix = prefix,
            Names = new TensorNames(prefix + "encoder.layer.", new Dictionary<string, string>
            {
                ["attn_norm"] = "norm1",
                ["attn_q"] = "attention.attention.query",
                ["attn_k"] = "attention.attention.key",
                ["attn_v"] = "attention.attention.value",
                ["attn_output"] = "attention.output.dense",
                ["ffn_norm"] = "norm2",
                ["ffn_up"] = "mlp.fc1",
                ["ffn_down"] = "mlp.fc2",
            }),
            NormEpsilon = VisionSizes.Epsilon(metadata),
            Activation = VisionSizes.Activation(metadata),
            ProjectionBias = metadata.Flag(null, "qkv_bias", true),
            LayerScale = true,
            ClassifiesPatchMean = true,
            Preprocessing = new ImagePreprocessing
            {
                ShortestEdge = 256,
                Crop = (224, 224),
                Mean = colour ? [0.485f, 0.456f, 0.406f] : [0.5f],
                StandardDeviation = colour ? [0.229f, 0.224f, 0.225f] : [0.5f],
            },
            IsUnused = name => name == prefix + "embeddings.mask_token",
        };
    }
}
