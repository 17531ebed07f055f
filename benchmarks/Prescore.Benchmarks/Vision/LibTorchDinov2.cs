using Prescore.Models.Formats;
using Prescore.Models.Images;
using TorchSharp;
using static TorchSharp.torch;

namespace Prescore.Benchmarks.Vision;

/// <summary>
/// DINOv2 in libtorch, fp32, from the same file: convolution, fused layer norms, one product for queries, keys and values (or
/// three), scaled_dot_product_attention (flash on the CPU) and erf GELU. Positions are interpolated once a size, as ours are.
/// </summary>
internal sealed class LibTorchDinov2 : IDisposable
{
    private const double Epsilon = 1e-6;

    private readonly Dictionary<string, Tensor> _weights = [];
    private readonly Dictionary<(long, long), Tensor> _positions = [];
    private readonly int _layers;
    private readonly int _heads;
    private readonly int _patch;

    /// <summary>Reads the weights of a folder without a classifier.</summary>
    public LibTorchDinov2(string folder, int layers, int heads, int patch)
    {
        (_layers, _heads, _patch) = (layers, heads, patch);
        using ITensorSource source = TensorSource.OpenSafetensors(folder);
        foreach (StoredTensor tensor in source.Tensors)
        {
            _weights[tensor.Name] = torch.tensor(tensor.ReadAll(), [.. tensor.Shape]);
        }
        for (int layer = 0; layer < layers; layer++)
        {
            foreach (string part in new[] { "weight", "bias" })
            {
                _weights[$"{layer}.qkv.{part}"] = cat([.. new[] { "query", "key", "value" }.Select(name => _weights[$"encoder.layer.{layer}.attention.attention.{name}.{part}"])]);
            }
        }
    }

    /// <summary>Tokens after the final norm, [tokens, hidden].</summary>
    /// <param name="image">[1, channels, height, width].</param>
    /// <param name="fused">Whether queries, keys and values are one product.</param>
    public Tensor Forward(Tensor image, bool fused)
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor patches = nn.functional.conv2d(
            image, _weights["embeddings.patch_embeddings.projection.weight"], _weights["embeddings.patch_embeddings.projection.bias"], strides: [_patch, _patch]);
        Tensor positions = PositionsOf(patches.shape[2], patches.shape[3]);
        Tensor x = cat([_weights["embeddings.cls_token"], patches.flatten(2).transpose(1, 2)], 1) + positions;
        for (int layer = 0; layer < _layers; layer++)
        {
            string name = $"encoder.layer.{layer}.";
            Tensor normed = Norm(x, name + "norm1");
            Tensor attended = nn.functional.scaled_dot_product_attention(
                Heads(normed, layer, 0, fused, out Tensor keys, out Tensor values), keys, values).transpose(1, 2).flatten(2);
            x += Linear(attended, name + "attention.output.dense") * _weights[name + "layer_scale1.lambda1"];
            Tensor inner = nn.functional.gelu(Linear(Norm(x, name + "norm2"), name + "mlp.fc1"));
            x += Linear(inner, name + "mlp.fc2") * _weights[name + "layer_scale2.lambda1"];
        }
        return Norm(x, "layernorm").squeeze(0).MoveToOuterDisposeScope();
    }

    public void Dispose()
    {
        foreach (Tensor tensor in _weights.Values.Concat(_positions.Values))
        {
            tensor.Dispose();
        }
    }

    /// <summary>An image as a tensor.</summary>
    public static Tensor ToTensor(PixelValues image) => torch.tensor(image.Values, [1, image.Channels, image.Height, image.Width]);

    private Tensor Heads(Tensor normed, int layer, int first, bool fused, out Tensor keys, out Tensor values)
    {
        Tensor Split(Tensor rows) => rows.unflatten(2, [_heads, -1]).transpose(1, 2);
        if (fused)
        {
            Tensor[] parts = nn.functional.linear(normed, _weights[$"{layer}.qkv.weight"], _weights[$"{layer}.qkv.bias"]).chunk(3, 2);
            (keys, values) = (Split(parts[1]), Split(parts[2]));
            return Split(parts[first]);
        }
        string name = $"encoder.layer.{layer}.attention.attention.";
        (keys, values) = (Split(Linear(normed, name + "key")), Split(Linear(normed, name + "value")));
        return Split(Linear(normed, name + "query"));
    }

    private Tensor Linear(Tensor x, string name) => nn.functional.linear(x, _weights[name + ".weight"], _weights[name + ".bias"]);

    private Tensor Norm(Tensor x, string name) =>
        nn.functional.layer_norm(x, [x.shape[^1]], _weights[name + ".weight"], _weights[name + ".bias"], Epsilon);

    private Tensor PositionsOf(long rows, long columns)
    {
        if (!_positions.TryGetValue((rows, columns), out Tensor? positions))
        {
            using DisposeScope scope = NewDisposeScope();
            Tensor trained = _weights["embeddings.position_embeddings"];
            long side = (long)Math.Round(Math.Sqrt(trained.shape[1] - 1));
            Tensor grid = trained.narrow(1, 1, side * side).unflatten(1, [side, side]).permute(0, 3, 1, 2);
            Tensor resized = side == rows && side == columns
                ? grid
                : nn.functional.interpolate(grid, [rows, columns], mode: InterpolationMode.Bicubic, align_corners: false);
            positions = cat([trained.narrow(1, 0, 1), resized.flatten(2).transpose(1, 2)], 1).contiguous().DetachFromDisposeScope();
            _positions[(rows, columns)] = positions;
        }
        return positions;
    }
}
