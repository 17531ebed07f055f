using System.Text.Json.Nodes;
using Prescore.Models.Formats.Safetensors;

namespace Prescore.Tests.Families;

/// <summary>
/// A Hugging Face folder of a tiny model with random weights (hidden 32, 2 layers, 4 query and 2 key/value heads of 8,
/// feed-forward 48, vocabulary 50, context 512), Llama's layout, whose configuration and tensors a test may change before
/// it writes the folder.
/// </summary>
internal sealed class RandomFolder
{
    public const int Hidden = 32, HeadSize = 8, QueryHeads = 4, KeyValueHeads = 2, Inner = 48, Vocabulary = 50, Layers = 2;

    private readonly Random _random;

    public RandomFolder(string modelType, int seed = 1)
    {
        _random = new Random(seed);
        Configuration["model_type"] = modelType;
        Add("model.embed_tokens.weight", Vocabulary, Hidden);
        Add("model.norm.weight", Hidden);
        Add("lm_head.weight", Vocabulary, Hidden);
        AddToLayers("input_layernorm.weight", Hidden);
        AddToLayers("self_attn.q_proj.weight", QueryHeads * HeadSize, Hidden);
        AddToLayers("self_attn.k_proj.weight", KeyValueHeads * HeadSize, Hidden);
        AddToLayers("self_attn.v_proj.weight", KeyValueHeads * HeadSize, Hidden);
        AddToLayers("self_attn.o_proj.weight", Hidden, QueryHeads * HeadSize);
        AddToLayers("post_attention_layernorm.weight", Hidden);
        AddToLayers("mlp.gate_proj.weight", Inner, Hidden);
        AddToLayers("mlp.up_proj.weight", Inner, Hidden);
        AddToLayers("mlp.down_proj.weight", Hidden, Inner);
    }

    /// <summary>What <c>config.json</c> says.</summary>
    public JsonObject Configuration { get; } = new()
    {
        ["hidden_size"] = Hidden,
        ["num_hidden_layers"] = Layers,
        ["num_attention_heads"] = QueryHeads,
        ["num_key_value_heads"] = KeyValueHeads,
        ["head_dim"] = HeadSize,
        ["intermediate_size"] = Inner,
        ["vocab_size"] = Vocabulary,
        ["max_position_embeddings"] = 512,
        ["rms_norm_eps"] = 1e-5,
        ["tie_word_embeddings"] = false,
    };

    /// <summary>Tensors by name: shape and values.</summary>
    public Dictionary<string, (long[] Shape, float[] Values)> Tensors { get; } = [];

    /// <summary>Adds or replaces a tensor: a matrix, or a vector around 1 as norms' weights are, or around 0 as biases are.</summary>
    public void Add(string name, params long[] shape)
    {
        long count = shape.Aggregate(1L, (product, length) => product * length);
        float centre = shape.Length == 1 && name.EndsWith(".weight", StringComparison.Ordinal) ? 1 : 0;
        Tensors[name] = (shape, [.. Enumerable.Range(0, (int)count).Select(_ => centre + 0.6f * (_random.NextSingle() - 0.5f))]);
    }

    /// <summary>The same for every layer; the name is what follows the layer's number.</summary>
    public void AddToLayers(string name, params long[] shape)
    {
        for (int layer = 0; layer < Layers; layer++)
        {
            Add($"model.layers.{layer}.{name}", shape);
        }
    }

    /// <summary>Removes a tensor of every layer.</summary>
    public void RemoveFromLayers(string name)
    {
        for (int layer = 0; layer < Layers; layer++)
        {
            Tensors.Remove($"model.layers.{layer}.{name}");
        }
    }

    /// <summary>Writes <c>config.json</c> and <c>model.safetensors</c>.</summary>
    public void Write(TemporaryFolder folder)
    {
        var writer = new SafetensorsWriter();
        foreach ((string name, (long[] shape, float[] values)) in Tensors)
        {
            writer.Add(name, values, shape);
        }
        writer.Save(folder.File("model.safetensors"));
        File.WriteAllText(folder.File("config.json"), Configuration.ToJsonString());
    }
}
