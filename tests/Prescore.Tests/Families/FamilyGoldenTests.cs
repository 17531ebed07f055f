using Prescore.Kernels;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;
using Prescore.Models.Inference;
using Prescore.Tests.Inference;

namespace Prescore.Tests.Families;

/// <summary>Tiny models of every family against the reference's logits and hidden states, layer by layer.</summary>
public class FamilyGoldenTests
{
    /// <summary>Names of the models, and whether they also have a configuration as transformers 5 writes it.</summary>
    private static readonly (string Name, bool Version5)[] Tiny =
    [
        ("llama", true), ("llama3-rope", true), ("mistral", true), ("qwen2", true), ("qwen3", true), ("glm", true),
        ("gemma3", true), ("gpt2", true), ("chatglm3", false), ("chatglm3-32k", false), ("chatglm2-32k", false),
    ];

    public static TheoryData<string, string> Folders =>
        [.. Tiny.Select(model => (model.Name, "config.json")), .. Tiny.Where(model => model.Version5).Select(model => (model.Name, "config.v5.json"))];

    [Theory]
    [MemberData(nameof(Folders))]
    public void A_folder_gives_the_reference_outputs(string name, string configuration)
    {
        using var folder = new TemporaryFolder();
        HubFolder(folder, name, configuration);

        ShouldGiveReference(folder.Path, SharedData.Golden("tiny", name, "golden.safetensors"), SimdPaths.Best, name == "llama3-rope" ? 2e-4 : 1e-4);
    }

    [Theory]
    [InlineData("gemma3")]
    [InlineData("gpt2")]
    public void Every_SIMD_path_gives_the_reference_outputs(string name)
    {
        foreach (SimdPath simd in new[] { SimdPath.Scalar, SimdPath.Vector256 })
        {
            ShouldGiveReference(SharedData.Golden("tiny", name), SharedData.Golden("tiny", name, "golden.safetensors"), simd, 1e-4);
        }
    }

    [Theory]
    [InlineData("tiny-llama-f32.gguf", "tiny/llama/golden.safetensors")]
    [InlineData("tiny-llama-f16.gguf", "gguf/tiny-llama-f16.golden.safetensors")]
    [InlineData("tiny-llama-q8_0.gguf", "gguf/tiny-llama-q8_0.golden.safetensors")]
    [InlineData("tiny-llama3-rope-f32.gguf", "tiny/llama3-rope/golden.safetensors")]
    [InlineData("tiny-qwen2-f32.gguf", "tiny/qwen2/golden.safetensors")]
    [InlineData("tiny-qwen3-f32.gguf", "tiny/qwen3/golden.safetensors")]
    [InlineData("tiny-chatglm3-f32.gguf", "tiny/chatglm3/golden.safetensors")]
    public void A_GGUF_file_gives_the_reference_outputs(string file, string golden)
    {
        foreach (SimdPath simd in new[] { SimdPath.Scalar, SimdPath.Vector256, SimdPaths.Best })
        {
            ShouldGiveReference(SharedData.Golden("gguf", file), SharedData.Golden(golden.Split('/')), simd, 1e-4);
        }
    }

    [Theory]
    [InlineData("mistral")]
    [InlineData("gemma3")]
    [InlineData("chatglm3")]
    [InlineData("gpt2")]
    public void Decoding_token_by_token_gives_the_reference_logits(string name)
    {
        using CausalModel model = CausalModel.Load(SharedData.Golden("tiny", name));
        using SafetensorsFile golden = SafetensorsFile.Open(SharedData.Golden("tiny", name, "golden.safetensors"));
        float[] expected = golden.ReadFloats("logits");
        int vocabulary = model.Configuration.VocabularySize;
        using CausalSession session = GoldenModels.ExactSession(model);
        var logits = new float[vocabulary];
        int position = 0;
        foreach (int token in golden.ReadInt32s("input_ids"))
        {
            session.Predict([token], logits);
            GoldenModels.LargestDifference(logits, expected.AsSpan(position++ * vocabulary, vocabulary)).ShouldBeLessThan(1e-4);
        }
    }

    /// <summary>A folder with the weights of a tiny model and one of its configurations.</summary>
    internal static void HubFolder(TemporaryFolder folder, string name, string configuration = "config.json")
    {
        File.Copy(SharedData.Golden("tiny", name, configuration), folder.File("config.json"));
        File.Copy(SharedData.Golden("tiny", name, "model.safetensors"), folder.File("model.safetensors"));
    }

    private static void ShouldGiveReference(string path, string goldenPath, SimdPath simd, double logitBound)
    {
        using CausalModel model = CausalModel.Load(path, new ModelOptions { Simd = simd });
        using SafetensorsFile golden = SafetensorsFile.Open(goldenPath);
        int[] tokens = golden.ReadInt32s("input_ids");
        var residuals = new List<float[]>();
        using CausalSession session = GoldenModels.ExactSession(model);
        session.OnResidual = (_, hidden, _) => residuals.Add(hidden.ToArray());

        float[] final = GoldenModels.Prefill(session, tokens, model.Configuration.HiddenSize);

        GoldenModels.LargestDifference(GoldenModels.Logits(model, final), golden.ReadFloats("logits")).ShouldBeLessThan(logitBound);
        residuals.Count.ShouldBe(model.Configuration.Layers + 1);
        if (golden.HasTensor("final_norm"))
        {
            GoldenModels.ShouldMatchRelative(final, golden, "final_norm");
            for (int layer = 0; layer < residuals.Count; layer++)
            {
                GoldenModels.ShouldMatchRelative(residuals[layer], golden, $"hidden_states.{layer}");
            }
        }
    }
}
