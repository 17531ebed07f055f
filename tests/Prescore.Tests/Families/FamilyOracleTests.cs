using Prescore.Models.Families;
using Prescore.Models.Inference;
using Prescore.Tests.Inference;

namespace Prescore.Tests.Families;

/// <summary>Tiny random models of Hugging Face folders against a forward pass in double precision: needs no reference data.</summary>
public class FamilyOracleTests
{
    private static readonly int[] Tokens = [.. Enumerable.Range(0, 20).Select(i => i * 17 % RandomFolder.Vocabulary)];

    [Fact]
    public void Llama()
    {
        var model = new RandomFolder("llama");
        ShouldMatch(model, new NaiveDecoder(model));
    }

    [Fact]
    public void Qwen2()
    {
        var model = new RandomFolder("qwen2");
        foreach ((string which, int heads) in new[] { ("q", RandomFolder.QueryHeads), ("k", RandomFolder.KeyValueHeads), ("v", RandomFolder.KeyValueHeads) })
        {
            model.AddToLayers($"self_attn.{which}_proj.bias", heads * RandomFolder.HeadSize);
        }
        ShouldMatch(model, new NaiveDecoder(model));
    }

    [Fact]
    public void Qwen3()
    {
        var model = new RandomFolder("qwen3");
        model.AddToLayers("self_attn.q_norm.weight", RandomFolder.HeadSize);
        model.AddToLayers("self_attn.k_norm.weight", RandomFolder.HeadSize);
        ShouldMatch(model, new HeadNorms(model));
    }

    /// <summary>A prompt at once, and token by token, give the oracle's logits.</summary>
    private static void ShouldMatch(RandomFolder folder, NaiveDecoder oracle)
    {
        using var path = new TemporaryFolder();
        folder.Write(path);
        using CausalModel model = CausalModel.Load(path.Path);
        float[] expected = [.. oracle.Logits(Tokens).Select(logit => (float)logit)];

        using CausalSession whole = GoldenModels.ExactSession(model);
        float[] final = GoldenModels.Prefill(whole, Tokens, RandomFolder.Hidden);
        GoldenModels.LargestDifference(GoldenModels.Logits(model, final), expected).ShouldBeLessThan(1e-4);

        using CausalSession session = GoldenModels.ExactSession(model);
        var logits = new float[RandomFolder.Vocabulary];
        for (int t = 0; t < Tokens.Length; t++)
        {
            session.Predict([Tokens[t]], logits);
            GoldenModels.LargestDifference(logits, expected.AsSpan(t * RandomFolder.Vocabulary, RandomFolder.Vocabulary)).ShouldBeLessThan(1e-4);
        }
    }

    /// <summary>Every query and key head is normed before rotation.</summary>
    private sealed class HeadNorms(RandomFolder model) : NaiveDecoder(model)
    {
        protected override double[] BeforeRotation(string name, double[] heads) => [.. heads.Chunk(RandomFolder.HeadSize).SelectMany(head => Norm(name, head))];
    }
}
