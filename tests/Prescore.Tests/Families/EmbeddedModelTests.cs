using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;
using Prescore.Models.Inference;
using Prescore.Tests.Inference;

namespace Prescore.Tests.Families;

/// <summary>The embedded model against reference values.</summary>
public class EmbeddedModelTests
{
    [Fact]
    public void The_embedded_model_gives_the_reference_hidden_states_and_logits()
    {
        using SafetensorsFile golden = SafetensorsFile.Open(SharedData.Golden("smollm2", "short.safetensors"));
        CausalModel model = GoldenModels.SmolLm2;
        int[] tokens = golden.ReadInt32s("input_ids");
        using CausalSession session = GoldenModels.ExactSession(model);

        float[] hidden = GoldenModels.Prefill(session, tokens, model.Configuration.HiddenSize);

        GoldenModels.LargestDifference(hidden, golden.ReadFloats("hidden")).ShouldBeLessThan(1e-3);
        float[] lastLogits = GoldenModels.Logits(model, hidden.AsSpan(^(4 * model.Configuration.HiddenSize)..));
        GoldenModels.LargestDifference(lastLogits, golden.ReadFloats("logits")).ShouldBeLessThan(1e-3);
    }

    [Fact]
    public void Queries_and_keys_of_a_layer_equal_the_reference_in_neighbour_order()
    {
        using SafetensorsFile golden = SafetensorsFile.Open(SharedData.Golden("smollm2", "qkv-layer12.safetensors"));
        CausalModel model = GoldenModels.SmolLm2;
        const int Tokens = 96;
        int[] tokens = golden.ReadInt32s("input_ids")[..Tokens];
        using CausalSession session = GoldenModels.ExactSession(model);
        int seen = 0;
        session.OnAttention = (layer, queries, keys, values, count) =>
        {
            if (layer == 12)
            {
                seen++;
                count.ShouldBe(Tokens);
                ShouldEqualHeads(queries, golden, "q", 9, pairsApart: true);
                ShouldEqualHeads(keys, golden, "k", 3, pairsApart: true);
                ShouldEqualHeads(values, golden, "v", 3, pairsApart: false);
            }
        };

        session.Append(tokens, []);

        seen.ShouldBe(1);

        // The reference is [heads, 4096, 64] with rotary pairs (i, i + 32), rounded to 16 bits.
        static void ShouldEqualHeads(ReadOnlySpan<float> rows, SafetensorsFile golden, string name, int heads, bool pairsApart)
        {
            for (int head = 0; head < heads; head++)
            {
                var expected = new float[Tokens * 64];
                golden.ReadFloats(name, head * 4096L * 64, expected);
                for (int token = 0; token < Tokens; token++)
                {
                    for (int i = 0; i < 64; i++)
                    {
                        int place = pairsApart ? i % 2 * 32 + i / 2 : i;
                        rows[(token * heads + head) * 64 + i].ShouldBe(expected[token * 64 + place], 8e-3f);
                    }
                }
            }
        }
    }
}
