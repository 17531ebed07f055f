using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;
using Prescore.Models.Inference;

namespace Prescore.Tests.Families;

public class ModelLoadingTests
{
    private static readonly Dictionary<string, (Action<RandomLlama> Damage, string Message)> Damages = new()
    {
        ["unknown architecture"] = (m => m.Metadata["general.architecture"] = "lama", "unknown architecture 'lama'; did you mean 'llama'?"),
        ["no architecture"] = (m => m.Metadata.Remove("general.architecture"), "general.architecture"),
        ["block count of another type"] = (m => m.Metadata["llama.block_count"] = "2", "llama.block_count"),
        ["no layers"] = (m => m.Metadata["llama.block_count"] = 0u, "llama.block_count is 0"),
        ["two thousand million layers"] = (m => m.Metadata["llama.block_count"] = 2_000_000_000u, "2000000000"),
        ["a layer too many"] = (m => m.Metadata["llama.block_count"] = 3u, "blk.2."),
        ["a layer too few"] = (m => m.Metadata["llama.block_count"] = 1u, "no place in this architecture"),
        ["huge hidden size"] = (m => m.Metadata["llama.embedding_length"] = 2_000_000_000u, "values where the metadata ask for"),
        ["huge feed-forward size"] = (m => m.Metadata["llama.feed_forward_length"] = 2_000_000_000u, "4000000000"),
        ["no heads"] = (m => m.Metadata["llama.attention.head_count"] = 0u, "llama.attention.head_count is 0"),
        ["no key/value heads"] = (m => m.Metadata["llama.attention.head_count_kv"] = 0u, "no multiple of 0"),
        ["heads that do not group"] = (m => m.Metadata["llama.attention.head_count_kv"] = 3u, "no multiple of 3"),
        ["odd rotary dimensions"] = (m => m.Metadata["llama.rope.dimension_count"] = 3u, "llama.rope.dimension_count is 3"),
        ["rotary base NaN"] = (m => m.Metadata["llama.rope.freq_base"] = float.NaN, "llama.rope.freq_base"),
        ["positions scaled in another way"] = (m => m.Metadata["llama.rope.scaling.type"] = "longrope", "unknown llama.rope.scaling.type 'longrope'"),
        ["an unknown key of the scaling"] = (m => m.Metadata["llama.rope.scaling.short_mscale"] = 2f, "llama.rope.scaling.short_mscale"),
        ["positions scaled by a negative factor"] = (m => m.Metadata["llama.rope.scaling.factor"] = -4f, "is -4"),
        ["positions scaled by NaN"] = (m => m.Metadata["llama.rope.scale_linear"] = float.NaN, "is NaN"),
        ["YaRN with another extrapolation"] = (m =>
        {
            m.Metadata["llama.rope.scaling.type"] = "yarn";
            m.Metadata["llama.rope.scaling.yarn_ext_factor"] = 0.5f;
        }, "yarn_ext_factor 0.5"),
        ["capped logits"] = (m => m.Metadata["llama.final_logit_softcapping"] = 30f, "llama.final_logit_softcapping is 30"),
        ["missing tensor"] = (m => m.Tensors.Remove("blk.1.ffn_up.weight"), "blk.1.ffn_up.weight"),
        ["a bias of queries alone"] = (m => m.Tensors["blk.0.attn_q.bias"] = ([32], new float[32]), "'blk.0.attn_k.bias'"),
        ["wrong row length"] = (m => m.Tensors["blk.0.ffn_down.weight"] = ([32, 32], new float[32 * 32]), "rows of 32 values where the metadata ask for 48"),
        ["wrong row count"] = (m => m.Tensors["blk.0.attn_k.weight"] = ([32, 8], new float[32 * 8]), "56 rows where the metadata ask for 64"),
        ["NaN weight"] = (m => m.Tensors["blk.1.attn_v.weight"].Values[77] = float.NaN, "'blk.1.attn_v.weight' (F32 [16, 32]) holds NaN at index 77"),
        ["infinite norm"] = (m => m.Tensors["output_norm.weight"].Values[3] = float.NegativeInfinity, "at index 3"),
        ["rotary divisor of 0"] = (m => m.Tensors["rope_freqs.weight"] = ([4], [1, 0, 1, 1]), "rope_freqs.weight"),
    };

    public static TheoryData<string> DamageNames => [.. Damages.Keys];

    [Theory]
    [MemberData(nameof(DamageNames))]
    public void A_damaged_model_is_refused_in_one_line(string damage)
    {
        using var folder = new TemporaryFolder();
        var model = new RandomLlama();
        Damages[damage].Damage(model);
        model.Write(folder.File("model.gguf"));

        ModelFormatException error = Should.Throw<ModelFormatException>(() => CausalModel.Load(folder.File("model.gguf")));

        error.Message.ShouldContain(Damages[damage].Message);
        error.Message.ShouldStartWith("model.gguf: ");
        error.Message.ShouldNotContain('\n');
    }

    [Fact]
    public void A_sound_model_is_loaded_with_its_sizes()
    {
        using var folder = new TemporaryFolder();
        new RandomLlama().Write(folder.File("model.gguf"));

        using CausalModel model = CausalModel.Load(folder.File("model.gguf"));

        model.Configuration.ShouldBe(new ModelConfiguration
        {
            Architecture = "llama",
            Layers = 2,
            HiddenSize = 32,
            QueryHeads = 4,
            KeyValueHeads = 2,
            HeadDimension = 8,
            FeedForwardSize = 48,
            VocabularySize = 50,
            TrainedContext = 512,
        });
    }

    [Theory]
    [InlineData("g29-architecture-missing.gguf", "general.architecture")]
    [InlineData("g30-wrong-value-type.gguf", "the metadata key 'llama.")]
    public void Well_formed_files_without_a_usable_model_are_refused(string file, string key)
    {
        // Asked for outside of what has to throw: where there is no data, that throws as well.
        string path = SharedData.Golden("gguf", "malformed", file);
        Should.Throw<ModelFormatException>(() => CausalModel.Load(path)).Message.ShouldContain(key);
    }

    [Fact]
    public void Cancelled_loading_stops()
    {
        using var folder = new TemporaryFolder();
        new RandomLlama().Write(folder.File("model.gguf"));
        Should.Throw<OperationCanceledException>(() => CausalModel.Load(folder.File("model.gguf"), cancellationToken: new CancellationToken(true)));
    }

    [Fact]
    public void Estimated_memory_covers_what_a_session_holds()
    {
        using var folder = new TemporaryFolder();
        new RandomLlama().Write(folder.File("model.gguf"));
        using GgufFile file = GgufFile.Open(folder.File("model.gguf"));
        using CausalModel model = CausalModel.Load(folder.File("model.gguf"));
        using CausalSession session = Inference.GoldenModels.ExactSession(model);

        session.Append(new int[300], []);

        MemoryEstimate sequence = MemoryEstimate.OfSequence(model, 300, 300);
        // Panels of the packed keys and values are padded: up to 64 columns for 8, and 384 rows for 300.
        sequence.Caches.ShouldBeInRange(session.CacheBytes / 12, session.CacheBytes);
        sequence.Activations.ShouldBe(session.ActivationBytes);
        // Panels of the packed matrices are padded: up to 64 rows each.
        MemoryEstimate weights = MemoryEstimate.OfWeights(file);
        model.WeightBytes.ShouldBeInRange(weights.Total - 4096, 4 * weights.Total);
        (weights + sequence).Total.ShouldBe(weights.Weights + sequence.Caches + sequence.Activations);
    }

    [Fact]
    public void Too_little_memory_is_told_with_both_amounts()
    {
        var estimate = new MemoryEstimate(3L << 30, 512 << 20, 512 << 20);

        estimate.Require(4L << 30);
        InsufficientMemoryException error = Should.Throw<InsufficientMemoryException>(() => estimate.Require((4L << 30) - 1));

        error.Message.ShouldContain("4.0 GiB of memory (weights 3.0 GiB, keys and values 512 MiB, activations 512 MiB)");
        MemoryEstimate.Available().ShouldBeInRange(1 << 20, 1L << 50);
    }
}
