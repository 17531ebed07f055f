using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;
using Prescore.TorchSharp.Attention;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace Prescore.TorchSharp.Vision;

/// <summary>
/// A vision transformer for classification (Dosovitskiy et al., arXiv 2010.11929) as Hugging Face's
/// <c>ViTForImageClassification</c> computes it, with an attention method of choice in every layer. Takes normalised
/// images [batch, channels, height, width] and gives logits [batch, classes].
/// </summary>
public sealed class VisionTransformer : nn.Module<Tensor, Tensor>
{
    private const double InitialDeviation = 0.02;

    private readonly Parameter _class;
    private readonly Parameter _positions;
    private readonly Conv2d _patches;
    private readonly VisionLayer[] _layers;
    private readonly LayerNorm _norm;
    private readonly Linear _classifier;

    /// <summary>Creates a model with random weights: the same ones for the same libtorch seed.</summary>
    /// <param name="settings">Sizes.</param>
    /// <param name="method">Attention of all layers, in the grammar of <see cref="AttentionModules"/>.</param>
    /// <param name="seed">Seed of the methods' selections and clusterings.</param>
    public VisionTransformer(VisionSettings settings, string method, ulong seed)
        : base(nameof(VisionTransformer))
    {
        Settings = settings;
        _class = new Parameter(randn(1, 1, settings.HiddenSize).Times(InitialDeviation));
        _positions = new Parameter(randn(1, settings.Tokens, settings.HiddenSize).Times(InitialDeviation));
        _patches = nn.Conv2d(settings.Channels, settings.HiddenSize, settings.PatchSize, stride: settings.PatchSize);
        _layers = [.. Enumerable.Range(0, settings.Layers).Select(layer => new VisionLayer(settings, Module(method, seed, layer)))];
        _norm = nn.LayerNorm(settings.HiddenSize, settings.NormEpsilon);
        _classifier = nn.Linear(settings.HiddenSize, settings.Classes);
        register_parameter("class", _class);
        register_parameter("positions", _positions);
        register_module("patches", _patches);
        for (int layer = 0; layer < _layers.Length; layer++)
        {
            register_module($"layer{layer}", _layers[layer]);
        }
        register_module("norm", _norm);
        register_module("classifier", _classifier);
    }

    /// <summary>Sizes.</summary>
    public VisionSettings Settings { get; }

    /// <summary>Puts another attention method into all layers; the weights stay.</summary>
    /// <param name="method">In the grammar of <see cref="AttentionModules"/>.</param>
    /// <param name="seed">Seed of its selections.</param>
    public void Replace(string method, ulong seed)
    {
        for (int layer = 0; layer < _layers.Length; layer++)
        {
            _layers[layer].Attention.Attention = Module(method, seed, layer);
        }
    }

    /// <inheritdoc/>
    public override Tensor forward(Tensor images) => Forward(images, null);

    /// <summary>Logits from some of the patches alone, as in training with dropped patches (PatchDropout, arXiv 2208.07220).</summary>
    /// <param name="images">Normalised images [batch, 1, height, width].</param>
    /// <param name="kept">Patches that are kept, numbers from 0 on; null keeps all.</param>
    public Tensor Forward(Tensor images, Tensor? kept)
    {
        Tensor patches = _patches.call(images).flatten(2).transpose(1, 2).Plus(_positions.narrow(1, 1, Settings.Tokens - 1));
        Tensor first = _class.Plus(_positions.narrow(1, 0, 1)).expand(images.shape[0], -1, -1);
        Tensor stream = cat([first, kept is null ? patches : patches.index_select(1, kept)], 1);
        foreach (VisionLayer layer in _layers)
        {
            stream = layer.call(stream);
        }
        return _classifier.call(_norm.call(stream.select(1, 0)));
    }

    /// <summary>Parameters by the names of Hugging Face's <c>ViTForImageClassification</c>.</summary>
    public IEnumerable<(string Name, Tensor Value)> NamedTensors() =>
    [
        ("vit.embeddings.cls_token", _class),
        ("vit.embeddings.position_embeddings", _positions),
        .. VisionLayer.Of("vit.embeddings.patch_embeddings.projection", _patches.weight, _patches.bias),
        .. _layers.SelectMany((layer, index) => layer.NamedTensors().Select(tensor => ($"vit.encoder.layer.{index}.{tensor.Name}", tensor.Value))),
        .. VisionLayer.Of("vit.layernorm", _norm.weight, _norm.bias),
        .. VisionLayer.Of("classifier", _classifier.weight, _classifier.bias),
    ];

    /// <summary>Writes the weights, F32.</summary>
    /// <param name="path">Safetensors file.</param>
    /// <param name="metadata">What made them: method, seed, epochs.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(string path, IReadOnlyDictionary<string, string> metadata)
    {
        var writer = new SafetensorsWriter();
        SafetensorsTensors.AddTo(writer, NamedTensors());
        foreach ((string key, string text) in metadata)
        {
            writer.AddMetadata(key, text);
        }
        writer.Save(path);
    }

    /// <summary>Reads weights.</summary>
    /// <exception cref="ModelFormatException">A tensor is missing or has another shape, or the file is damaged.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public void Load(string path)
    {
        using SafetensorsFile file = SafetensorsFile.Open(path);
        SafetensorsTensors.CopyInto(file, NamedTensors());
    }

    /// <summary>Writes <c>config.json</c> and <c>preprocessor_config.json</c> as Hugging Face's ViT has them.</summary>
    /// <param name="folder">Folder of the weights.</param>
    /// <param name="classes">Names of the classes.</param>
    /// <exception cref="IOException">A file cannot be written.</exception>
    public void SaveConfiguration(string folder, IReadOnlyList<string> classes)
    {
        Write("config.json", new JsonObject
        {
            ["architectures"] = new JsonArray("ViTForImageClassification"),
            ["model_type"] = "vit",
            ["image_size"] = Settings.ImageSize,
            ["patch_size"] = Settings.PatchSize,
            ["num_channels"] = Settings.Channels,
            ["hidden_size"] = Settings.HiddenSize,
            ["num_hidden_layers"] = Settings.Layers,
            ["num_attention_heads"] = Settings.Heads,
            ["intermediate_size"] = Settings.FeedForwardSize,
            ["hidden_act"] = "gelu",
            ["qkv_bias"] = true,
            ["layer_norm_eps"] = Settings.NormEpsilon,
            ["id2label"] = new JsonObject(classes.Select((name, index) => KeyValuePair.Create(index.ToString(CultureInfo.InvariantCulture), (JsonNode?)name))),
        });
        Write("preprocessor_config.json", new JsonObject
        {
            ["do_resize"] = true,
            ["do_rescale"] = true,
            ["do_normalize"] = true,
            ["size"] = new JsonObject { ["height"] = Settings.ImageSize, ["width"] = Settings.ImageSize },
            ["resample"] = 2,
            ["rescale_factor"] = 1.0 / 255,
            ["image_mean"] = new JsonArray(Settings.PixelMean),
            ["image_std"] = new JsonArray(Settings.PixelDeviation),
        });

        void Write(string name, JsonObject json) => AtomicFile.Write(
            Path.Combine(folder, name), stream => stream.Write(Encoding.UTF8.GetBytes(json.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n")));
    }

    private static AttentionModule Module(string method, ulong seed, int layer) =>
        AttentionModules.Create(method, new AttentionModuleOptions(seed, layer, Protected: 1));
}
