using Prescore.Attention.Contracts;
using Prescore.Attention.Exact;
using Prescore.Kernels;
using Prescore.Models.Families;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Safetensors;
using Prescore.Models.Inference;

namespace Prescore.Tests.Inference;

/// <summary>Models that the tests run, and how far their outputs are from reference tensors.</summary>
internal static class GoldenModels
{
    private static readonly Lazy<CausalModel> Embedded = new(() => CausalModel.Load(
        Path.Combine(SharedData.Repository, "models", "SmolLM2-135M-Instruct.Q4_1.gguf"), new ModelOptions()));

    /// <summary>SmolLM2-135M as the repository holds it, loaded once for all tests.</summary>
    public static CausalModel SmolLm2 => Embedded.Value;

    /// <summary>Loads a tiny reference model; the caller disposes of it.</summary>
    public static CausalModel Tiny(string file, SimdPath? simd = null) =>
        CausalModel.Load(SharedData.Golden("gguf", file), new ModelOptions { Simd = simd ?? SimdPaths.Best });

    /// <summary>A session with exact attention.</summary>
    public static CausalSession ExactSession(CausalModel model, int threads = 2) =>
        new(model, new ExactAttention(), new AttentionOptions { Threads = threads });

    /// <summary>Hidden states after the final norm [tokens, hidden] of one prefill.</summary>
    public static float[] Prefill(CausalSession session, ReadOnlySpan<int> tokens, int hiddenSize)
    {
        float[] hidden = new float[tokens.Length * hiddenSize];
        hidden.AsSpan().Fill(float.NaN);
        session.Append(tokens, hidden);
        return hidden;
    }

    /// <summary>Logits [rows, vocabulary] of hidden states after the final norm.</summary>
    public static float[] Logits(CausalModel model, ReadOnlySpan<float> hidden)
    {
        int size = model.Configuration.HiddenSize, rows = hidden.Length / size;
        var logits = new float[rows * model.Configuration.VocabularySize];
        model.Logits(hidden, rows, logits, 2);
        return logits;
    }

    /// <summary>Largest absolute difference; NaN counts as infinite.</summary>
    public static double LargestDifference(ReadOnlySpan<float> actual, ReadOnlySpan<float> expected)
    {
        actual.Length.ShouldBe(expected.Length);
        double largest = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            double difference = Math.Abs((double)actual[i] - expected[i]);
            largest = double.IsNaN(difference) ? double.PositiveInfinity : Math.Max(largest, difference);
        }
        return largest;
    }

    /// <summary>Asserts that a tensor equals the reference within a tolerance relative to the reference's largest value.</summary>
    public static void ShouldMatchRelative(ReadOnlySpan<float> actual, SafetensorsFile golden, string name, double tolerance = 1e-5)
    {
        float[] expected = golden.ReadFloats(name);
        double largest = expected.Max(value => (double)Math.Abs(value));
        LargestDifference(actual, expected).ShouldBeLessThan(tolerance * largest, name);
    }
}
