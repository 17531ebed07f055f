using Prescore.Attention.Contracts;
using Prescore.Kernels;
using Prescore.Models.Formats;
using Prescore.Models.Images;
using Prescore.Models.Layers;

namespace Prescore.Models.Families;

/// <summary>Builds a vision transformer from a plan and the tensors of a file.</summary>
internal sealed class VisionBuilder(VisionPlan plan, ITensorSource source, ModelOptions options)
{
    private readonly ModelTensors _tensors = new(source, plan.Names, options);
    private readonly VisionConfiguration _sizes = plan.Configuration;

    /// <summary>Reads all weights.</summary>
    /// <exception cref="ModelFormatException">A tensor is missing, of the wrong shape, holds values that are not finite, or has no place.</exception>
    public VisionModel Build(ImagePreprocessing preprocessing)
    {
        if (_sizes.Layers > source.Tensors.Count)
        {
            throw new ModelFormatException(
                source.Path, $"the configuration asks for {_sizes.Layers} layers in a file of {source.Tensors.Count} tensors", "fetch the file again");
        }
        var blocks = new List<TransformerBlock>();
        PatchEmbedding? embedding = null;
        Linear? classifier = null;
        try
        {
            embedding = ReadEmbedding();
            for (int layer = 0; layer < _sizes.Layers; layer++)
            {
                blocks.Add(ReadBlock(layer));
            }
            RowOperation norm = Norm(plan.Prefix + "layernorm");
            classifier = _tensors.Has("classifier.weight") ? ReadClassifier() : null;
            _tensors.RefuseUnread(plan.IsUnused);
            return new VisionModel(plan, preprocessing, embedding, [.. blocks], norm, classifier);
        }
        catch
        {
            embedding?.Dispose();
            classifier?.Dispose();
            blocks.ForEach(block => block.Dispose());
            throw;
        }
    }

    private PatchEmbedding ReadEmbedding()
    {
        string Name(string part) => $"{plan.Prefix}embeddings.{part}";
        int hidden = _sizes.HiddenSize, side = _sizes.ImageSize / _sizes.PatchSize;
        int inputs = checked(_sizes.Channels * _sizes.PatchSize * _sizes.PatchSize);
        // A convolution's weights [hidden, channels, patch, patch], a row a filter.
        float[] filters = _tensors.Vector(Name("patch_embeddings.projection.weight"), (long)hidden * inputs);
        var projection = new Linear(
            PackedMatrix.Pack(filters, hidden, inputs, options.Simd), _tensors.Vector(Name("patch_embeddings.projection.bias"), hidden));
        return new PatchEmbedding(
            projection,
            _sizes.Channels,
            _sizes.PatchSize,
            _tensors.Vector(Name("cls_token"), hidden),
            new PositionGrid(_tensors.Vector(Name("position_embeddings"), (1 + (long)side * side) * hidden), side, hidden));
    }

    private TransformerBlock ReadBlock(int layer)
    {
        string Name(string part) => $"blk.{layer}.{part}";
        int hidden = _sizes.HiddenSize, d = hidden / _sizes.Heads;
        return new TransformerBlock
        {
            Shape = new CacheShape(_sizes.Heads, _sizes.Heads, d, d),
            AttentionNorm = Norm(Name("attn_norm")),
            QueriesKeysValues = ReadLinear(plan.ProjectionBias, 3 * hidden, hidden, Name("attn_q"), Name("attn_k"), Name("attn_v")),
            AttentionOutput = ReadLinear(true, hidden, hidden, Name("attn_output")),
            AfterAttention = plan.LayerScale ? new LayerScale(_tensors.Vector(Name("layer_scale1.lambda1"), hidden)) : null,
            FeedForwardNorm = Norm(Name("ffn_norm")),
            FeedForward = new FeedForward(
                ReadLinear(true, _sizes.FeedForwardSize, hidden, Name("ffn_up")),
                plan.Activation,
                ReadLinear(true, hidden, _sizes.FeedForwardSize, Name("ffn_down"))),
            AfterFeedForward = plan.LayerScale ? new LayerScale(_tensors.Vector(Name("layer_scale2.lambda1"), hidden)) : null,
        };
    }

    private Linear ReadClassifier()
    {
        long classes = _tensors.RowsOf("classifier.weight");
        return _sizes.Labels.Count == 0 || classes == _sizes.Labels.Count
            ? ReadLinear(true, classes, plan.ClassifiesPatchMean ? 2 * _sizes.HiddenSize : _sizes.HiddenSize, "classifier")
            : throw new ModelFormatException(
                source.Path, $"the classifier has {classes} classes where config.json names {_sizes.Labels.Count}", "fetch the files again");
    }

    /// <summary>Packed as fp32: an image has hundreds of rows, and vision models are small.</summary>
    private Linear ReadLinear(bool bias, long outputs, int inputs, params string[] parts) => new(
        PackedMatrix.Pack(_tensors.Vectors(outputs * inputs, [.. parts.Select(part => part + ".weight")]), checked((int)outputs), inputs, options.Simd),
        bias ? _tensors.Vectors(outputs, [.. parts.Select(part => part + ".bias")]) : null);

    private LayerNorm Norm(string name) => new(
        _tensors.Vector(name + ".weight", _sizes.HiddenSize), _tensors.Vector(name + ".bias", _sizes.HiddenSize), plan.NormEpsilon);
}
