using Prescore.Models.Families;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Layers;

namespace Prescore.Tests.Families;

public class GgufRopeScalingTests
{
    [Fact]
    public void A_factor_without_a_type_is_linear_and_so_is_the_old_key()
    {
        Read(("llama.rope.scaling.factor", 4f)).ShouldBe(new LinearScaling(4));
        Read(("llama.rope.scale_linear", 4f)).ShouldBe(new LinearScaling(4));
        Read(("llama.rope.scaling.type", "linear"), ("llama.rope.scaling.factor", 4f)).ShouldBe(new LinearScaling(4));
        Read(("llama.rope.scaling.factor", 2f), ("llama.rope.scale_linear", 4f)).ShouldBe(new LinearScaling(2));
    }

    [Fact]
    public void Yarn_takes_its_numbers_from_the_file()
    {
        Read(("llama.rope.scaling.type", "yarn"), ("llama.rope.scaling.factor", 4f), ("llama.rope.scaling.original_context_length", 128u))
            .ShouldBe(new YarnScaling(4, 128));
        Read(("llama.rope.scaling.type", "yarn"), ("llama.rope.scaling.factor", 4f), ("llama.rope.scaling.attn_factor", 0.5f),
            ("llama.rope.scaling.yarn_beta_fast", 16f), ("llama.rope.scaling.yarn_beta_slow", 2f))
            .ShouldBe(new YarnScaling(4, 0, 16, 2) { AttentionMultiplier = 0.5f });
    }

    [Fact]
    public void Nothing_is_scaled_by_none_one_or_zero()
    {
        Read().ShouldBeNull();
        Read(("llama.rope.scaling.type", "none"), ("llama.rope.scaling.factor", 4f)).ShouldBeNull();
        Read(("llama.rope.scaling.type", "linear")).ShouldBeNull();
        Read(("llama.rope.scaling.factor", 0f)).ShouldBeNull();
    }

    [Fact]
    public void A_scaled_model_is_scaled_further_on_top()
    {
        using var folder = new TemporaryFolder();
        string path = Write(folder, ("llama.rope.scaling.factor", 4f));

        using CausalModel model = CausalModel.Load(path);

        model.ContextLimit.ShouldBe(512);
        RotaryEmbedding once = model.Blocks[0].Rotary!;
        using CausalModel further = CausalModel.Load(path, new ModelOptions { Rope = new LinearScaling(2) });
        further.ContextLimit.ShouldBe(1024);
        further.Blocks[0].Rotary!.Frequencies.ShouldBe(once.Frequencies.Select(frequency => frequency / 2));
    }

    private static RopeScaling? Read(params (string Key, object Value)[] metadata)
    {
        using var folder = new TemporaryFolder();
        using GgufFile file = GgufFile.Open(Write(folder, metadata));
        return RotaryMetadata.Read(new GgufModelMetadata(file), headDimension: 8, context: 512, RotaryPairing.Interleaved).Scaling;
    }

    private static string Write(TemporaryFolder folder, params (string Key, object Value)[] metadata)
    {
        var model = new RandomLlama();
        foreach ((string key, object value) in metadata)
        {
            model.Metadata[key] = value;
        }
        model.Write(folder.File("model.gguf"));
        return folder.File("model.gguf");
    }
}
