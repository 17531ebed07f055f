using System.CommandLine;
using Prescore.Benchmarks.Weights;
using Prescore.Models.Formats;
using Prescore.Models.Formats.Gguf;

namespace Prescore.Benchmarks.Models;

/// <summary>
/// Writes a GGUF file of Llama-3.2-1B's shape with random weights, stored as llama.cpp's Q4_K_M stores them: for speed and
/// memory, which do not depend on what the weights are.
/// </summary>
internal static class RandomLlamaCommand
{
    private const int Layers = 16;
    private const int Hidden = 2048;
    private const int Inner = 8192;
    private const int Heads = 32;
    private const int KeyValueHeads = 8;
    private const int HeadDimension = 64;
    private const float RotaryBase = 500000;

    public static Command Create()
    {
        var file = new Argument<FileInfo>("OUT.gguf") { Description = "File to write, 0.8 GB." };
        var command = new Command("random-llama", "Writes a model of Llama-3.2-1B's shape with random Q4_K_M weights.") { file };
        command.SetAction(parsed => Write(parsed.GetValue(file)!));
        return command;
    }

    private static void Write(FileInfo file)
    {
        var writer = new GgufWriter();
        AddMetadata(writer);
        var random = new Random(17);
        Add("token_embd.weight", GgmlType.Q6_K, RandomVocabulary.Size, Hidden);
        for (int layer = 0; layer < Layers; layer++)
        {
            string prefix = $"blk.{layer}.";
            GgmlType finer = HasMoreBits(layer) ? GgmlType.Q6_K : GgmlType.Q4_K;
            AddOnes(prefix + "attn_norm.weight");
            Add(prefix + "attn_q.weight", GgmlType.Q4_K, Heads * HeadDimension, Hidden);
            Add(prefix + "attn_k.weight", GgmlType.Q4_K, KeyValueHeads * HeadDimension, Hidden);
            Add(prefix + "attn_v.weight", finer, KeyValueHeads * HeadDimension, Hidden);
            Add(prefix + "attn_output.weight", GgmlType.Q4_K, Hidden, Heads * HeadDimension);
            AddOnes(prefix + "ffn_norm.weight");
            Add(prefix + "ffn_gate.weight", GgmlType.Q4_K, Inner, Hidden);
            Add(prefix + "ffn_up.weight", GgmlType.Q4_K, Inner, Hidden);
            Add(prefix + "ffn_down.weight", finer, Hidden, Inner);
        }
        AddOnes("output_norm.weight");
        float[] divisors = RotaryDivisors();
        writer.AddTensor("rope_freqs.weight", GgmlType.F32, [divisors.Length], divisors);
        writer.Save(file.FullName);
        Console.WriteLine($"{file.FullName}: {new FileInfo(file.FullName).Length:N0} bytes");

        void Add(string name, GgmlType type, long rows, long columns) => writer.AddStored(
            name, type, [rows, columns], blocks => RandomWeights.Fill(StorageType.Find(type)!, blocks, 1 / Math.Sqrt(columns), random));

        void AddOnes(string name) => writer.AddTensor(name, GgmlType.F32, [Hidden], (_, values) => values.Fill(1));
    }

    /// <summary>Q4_K_M's rule for the layers whose values and last products are Q6_K: the first and last eighth and every third.</summary>
    private static bool HasMoreBits(int layer) => layer < Layers / 8 || layer >= 7 * Layers / 8 || (layer - Layers / 8) % 3 == 2;

    private static void AddMetadata(GgufWriter writer)
    {
        writer.AddMetadata("general.architecture", "llama");
        writer.AddMetadata("general.name", "random weights in the shape of Llama 3.2 1B");
        writer.AddMetadata("llama.block_count", (uint)Layers);
        writer.AddMetadata("llama.context_length", 131072u);
        writer.AddMetadata("llama.embedding_length", (uint)Hidden);
        writer.AddMetadata("llama.feed_forward_length", (uint)Inner);
        writer.AddMetadata("llama.attention.head_count", (uint)Heads);
        writer.AddMetadata("llama.attention.head_count_kv", (uint)KeyValueHeads);
        writer.AddMetadata("llama.attention.key_length", (uint)HeadDimension);
        writer.AddMetadata("llama.attention.value_length", (uint)HeadDimension);
        writer.AddMetadata("llama.attention.layer_norm_rms_epsilon", 1e-5f);
        writer.AddMetadata("llama.rope.dimension_count", (uint)HeadDimension);
        writer.AddMetadata("llama.rope.freq_base", RotaryBase);
        writer.AddMetadata("llama.vocab_size", (uint)RandomVocabulary.Size);
        RandomVocabulary.AddTo(writer);
    }

    /// <summary>
    /// What Llama 3.2 divides its rotary frequencies by: 1 for wavelengths below a quarter of the 8,192 tokens it was first
    /// trained with, 32 above all of them, and between them a mixture.
    /// </summary>
    private static float[] RotaryDivisors()
    {
        const double Factor = 32, Context = 8192, High = 4, Low = 1;
        var divisors = new float[HeadDimension / 2];
        for (int i = 0; i < divisors.Length; i++)
        {
            double wavelength = 2 * Math.PI * Math.Pow(RotaryBase, 2.0 * i / HeadDimension);
            double share = Math.Clamp((Context / wavelength - Low) / (High - Low), 0, 1);
            divisors[i] = (float)(1 / (share + (1 - share) / Factor));
        }
        return divisors;
    }
}
