using System.Text.Json.Nodes;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Layers;

namespace Prescore.Tests.Families;

/// <summary>What is made of a Hugging Face configuration, and what is refused.</summary>
public class ConfigurationTests
{
    private static readonly Dictionary<string, (string Model, string Key, string Json, string Message)> Refused = new()
    {
        ["unknown model type"] = ("llama", "model_type", "\"lama\"", "unknown model type 'lama'; did you mean 'llama'?"),
        ["no model type"] = ("llama", "model_type", "null", "'model_type' is missing"),
        ["model type of another type"] = ("llama", "model_type", "7", "'model_type' should be a string but is 7"),
        ["a string for a number"] = ("llama", "hidden_size", "\"64\"", "'hidden_size' should be a whole number"),
        ["a huge number"] = ("llama", "num_hidden_layers", "1e300", "'num_hidden_layers' should be a whole number"),
        ["many layers"] = ("llama", "num_hidden_layers", "2000000000", "2000000000 layers"),
        ["a fraction"] = ("llama", "num_attention_heads", "4.5", "'num_attention_heads' should be a whole number"),
        ["another vocabulary"] = ("llama", "vocab_size", "321", "320 rows where the metadata ask for 321"),
        ["another activation"] = ("llama", "hidden_act", "\"relu\"", "hidden_act is 'relu'"),
        ["biases that the file lacks"] = ("llama", "attention_bias", "true", "self_attn.q_proj.bias"),
        ["an unknown scaling"] = ("llama", "rope_scaling", "{\"rope_type\": \"longrope\", \"factor\": 2}", "'longrope'"),
        ["a scaling without its numbers"] = ("llama", "rope_scaling", "{\"rope_type\": \"llama3\", \"factor\": 2}", "low_freq_factor"),
        ["a scaling that is no object"] = ("llama", "rope_scaling", "3", "'rope_scaling' should be an object"),
        ["a quantised checkpoint"] = ("llama", "quantization_config", "{\"bits\": 4}", "'quantization_config'"),
        ["experts"] = ("llama", "num_local_experts", "8", "'num_local_experts'"),
        ["a head that is said to be tied"] = ("qwen2", "tie_word_embeddings", "false", "lm_head.weight"),
        ["capped attention"] = ("gemma3", "attn_logit_softcapping", "50.0", "attn_logit_softcapping is 50"),
        ["both directions"] = ("gemma3", "use_bidirectional_attention", "true", "use_bidirectional_attention"),
        ["a layer type"] = ("gemma3", "layer_types", "[\"chunked_attention\"]", "'chunked_attention'"),
        ["a norm elsewhere"] = ("chatglm3", "apply_residual_connection_post_layernorm", "true", "apply_residual_connection_post_layernorm is True"),
        ["quantised ChatGLM"] = ("chatglm3", "quantization_bit", "4", "'quantization_bit'"),
        ["a rope ratio of an unknown model"] = ("chatglm3-32k", "_name_or_path", "\"mine\"", "rope_ratio is 50"),
        ["cross attention"] = ("gpt2", "add_cross_attention", "true", "add_cross_attention"),
    };

    public static TheoryData<string> RefusedNames => [.. Refused.Keys];

    [Theory]
    [MemberData(nameof(RefusedNames))]
    public void What_would_change_numbers_is_refused_by_name(string name)
    {
        using var folder = new TemporaryFolder();
        (string model, string key, string json, string message) = Refused[name];
        FamilyGoldenTests.HubFolder(folder, model);
        Change(folder, key, json);

        ModelFormatException error = Should.Throw<ModelFormatException>(() => CausalModel.Load(folder.Path));

        error.Message.ShouldContain(message);
        error.Message.ShouldNotContain('\n');
    }

    [Theory]
    [InlineData("rope_scaling", "{\"rope_type\": \"linear\", \"factor\": 4.0}")]
    [InlineData("rope_scaling", "{\"type\": \"linear\", \"factor\": 4}")]
    [InlineData("rope_scaling", "{\"factor\": 4.0}")]
    [InlineData("rope_parameters", "{\"rope_type\": \"linear\", \"factor\": 4.0, \"rope_theta\": 10000.0}")]
    [InlineData("rope_parameters", "{\"full_attention\": {\"rope_type\": \"linear\", \"factor\": 4.0, \"rope_theta\": 10000.0}}")]
    public void Linear_scaling_is_understood_in_every_form(string key, string json)
    {
        using CausalModel plain = CausalModel.Load(SharedData.Golden("tiny", "llama"));
        using CausalModel model = Changed("llama", key, json);

        model.Blocks[0].Rotary!.Frequencies.ShouldBe(plain.Blocks[0].Rotary!.Frequencies.Select(frequency => frequency / 4));
    }

    [Fact]
    public void Yarn_of_a_configuration_extends_the_context_and_gives_way_to_another_scaling()
    {
        const string Json = "{\"rope_type\": \"yarn\", \"factor\": 4.0, \"original_max_position_embeddings\": 512, \"attention_factor\": 1.5}";
        using CausalModel model = Changed("llama", "rope_scaling", Json);
        model.ContextLimit.ShouldBe(2048);
        model.Blocks[0].Rotary!.AttentionFactor.ShouldBe(1.5f);

        using var folder = new TemporaryFolder();
        FamilyGoldenTests.HubFolder(folder, "llama");
        Change(folder, "rope_scaling", Json);
        using CausalModel further = CausalModel.Load(folder.Path, new ModelOptions { Rope = new YarnScaling(2) });
        further.ContextLimit.ShouldBe(1024);
        further.Blocks[0].Rotary!.AttentionFactor.ShouldBe(new YarnScaling(2).AttentionFactor);
    }

    [Fact]
    public void A_dynamic_scaling_changes_nothing_within_the_trained_context_and_allows_nothing_beyond()
    {
        using CausalModel plain = CausalModel.Load(SharedData.Golden("tiny", "llama"));
        using var folder = new TemporaryFolder();
        FamilyGoldenTests.HubFolder(folder, "llama");
        Change(folder, "rope_scaling", "{\"type\": \"dynamic\", \"factor\": 2.0}");

        using CausalModel model = CausalModel.Load(folder.Path, new ModelOptions { AllowLong = true });

        model.Blocks[0].Rotary!.Frequencies.ShouldBe(plain.Blocks[0].Rotary!.Frequencies);
        Should.Throw<ContextLimitException>(() => model.RequireContext(513));
    }

    [Fact]
    public void Windows_follow_the_configuration()
    {
        Windows("mistral", "sliding_window", "null").ShouldBe([null, null, null]);
        Windows("mistral", "sliding_window", "9").ShouldBe([9, 9, 9]);
        Windows("qwen2", "use_sliding_window", "true", ("max_window_layers", "1")).ShouldBe([null, 512, 512]);
        Windows("qwen2", "use_sliding_window", "false").ShouldBe([null, null, null]);
        Windows("gemma3", "layer_types", "null", ("sliding_window_pattern", "2")).ShouldBe([16, null, 16]);

        static int?[] Windows(string name, string key, string json, params (string Key, string Json)[] more)
        {
            using CausalModel model = Changed(name, key, json, more);
            return [.. model.Blocks.Select(block => block.Window)];
        }
    }

    [Fact]
    public void Learned_positions_end_where_the_table_ends_whoever_allows_more()
    {
        using CausalModel model = CausalModel.Load(SharedData.Golden("tiny", "gpt2"), new ModelOptions { AllowLong = true });
        model.ContextLimit.ShouldBe(64);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{\"model_type\": \"llama\"")]
    public void A_damaged_configuration_is_refused(string text)
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(folder.File("config.json"), text);
        Should.Throw<ModelFormatException>(() => CausalModel.Load(folder.Path)).Message.ShouldStartWith("config.json: ");
    }

    [Fact]
    public void A_folder_without_a_configuration_is_refused()
    {
        using var folder = new TemporaryFolder();
        Should.Throw<ModelFormatException>(() => CausalModel.Load(folder.Path)).Message.ShouldContain("no config.json");
    }

    private static CausalModel Changed(string model, string key, string json, params (string Key, string Json)[] more)
    {
        using var folder = new TemporaryFolder();
        FamilyGoldenTests.HubFolder(folder, model);
        Change(folder, key, json);
        foreach ((string otherKey, string otherJson) in more)
        {
            Change(folder, otherKey, otherJson);
        }
        return CausalModel.Load(folder.Path);
    }

    private static void Change(TemporaryFolder folder, string key, string json)
    {
        var configuration = (JsonObject)JsonNode.Parse(File.ReadAllText(folder.File("config.json")))!;
        configuration[key] = JsonNode.Parse(json);
        File.WriteAllText(folder.File("config.json"), configuration.ToJsonString());
    }
}
