using Prescore.Models.Formats;
using Prescore.Models.Layers;

namespace Prescore.Models.Families;

/// <summary>Reads and checks what vision families' configurations have in common.</summary>
internal static class VisionSizes
{
    /// <summary>Far above any known model's sizes, so that a damaged number does not become a huge allocation.</summary>
    private const int Largest = 1 << 16;

    public static VisionConfiguration Read(ConfigModelMetadata metadata, int feedForward)
    {
        var sizes = new VisionConfiguration
        {
            Architecture = metadata.Architecture,
            Layers = Size(metadata, "num_hidden_layers"),
            HiddenSize = Size(metadata, "hidden_size"),
            Heads = Size(metadata, "num_attention_heads"),
            FeedForwardSize = feedForward,
            ImageSize = Size(metadata, "image_size"),
            PatchSize = Size(metadata, "patch_size"),
            Channels = metadata.Count(null, "num_channels", 3),
            Labels = Labels(metadata),
        };
        if (feedForward is < 1 or > Largest)
        {
            throw Wrong(metadata, $"a feed-forward layer of {feedForward} is out of range");
        }
        if (sizes.HiddenSize % sizes.Heads != 0)
        {
            throw Wrong(metadata, $"'hidden_size' {sizes.HiddenSize} is not a multiple of 'num_attention_heads' {sizes.Heads}");
        }
        if (sizes.Channels is not (1 or 3))
        {
            throw Wrong(metadata, $"'num_channels' is {sizes.Channels}, neither 1 nor 3");
        }
        return sizes.ImageSize >= sizes.PatchSize
            ? sizes
            : throw Wrong(metadata, $"'image_size' {sizes.ImageSize} is less than 'patch_size' {sizes.PatchSize}");
    }

    public static float Epsilon(ConfigModelMetadata metadata) => metadata.Number(null, "layer_norm_eps", 1e-12) is > 0 and < 1 and double epsilon
        ? (float)epsilon
        : throw Wrong(metadata, "'layer_norm_eps' is not between 0 and 1");

    public static Activation Activation(ConfigModelMetadata metadata) => metadata.Text(null, "hidden_act", "gelu") switch
    {
        "gelu" => Layers.Activation.Gelu,
        "gelu_new" or "gelu_pytorch_tanh" => Layers.Activation.GeluTanh,
        string other => throw metadata.Unsupported("hidden_act", other),
    };

    /// <summary>The names in <c>id2label</c>, by number.</summary>
    private static string[] Labels(ConfigModelMetadata metadata)
    {
        if (metadata.Object("id2label") is not { } names)
        {
            return [];
        }
        var labels = new SortedDictionary<int, string>();
        foreach (System.Text.Json.JsonProperty entry in names.EnumerateObject())
        {
            if (!int.TryParse(entry.Name, out int index) || entry.Value.ValueKind != System.Text.Json.JsonValueKind.String)
            {
                throw Wrong(metadata, "'id2label' does not name numbered classes");
            }
            labels[index] = entry.Value.GetString()!;
        }
        return labels.Keys.SequenceEqual(Enumerable.Range(0, labels.Count))
            ? [.. labels.Values]
            : throw Wrong(metadata, "the classes of 'id2label' are not numbered from 0 on");
    }

    private static int Size(ConfigModelMetadata metadata, string key) => metadata.Count(null, key) is >= 1 and <= Largest and int size
        ? size
        : throw Wrong(metadata, $"'{key}' is out of range");

    private static ModelFormatException Wrong(ConfigModelMetadata metadata, string problem) => new(metadata.Path, problem, "fetch the file again");
}
