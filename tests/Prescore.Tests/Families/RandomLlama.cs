using System.Text;

namespace Prescore.Tests.Families;

/// <summary>
/// A GGUF file of a tiny Llama model with random weights (hidden 32, 2 layers, 4 query and 2 key/value heads of 8,
/// vocabulary 50, context 512), whose metadata and tensors a test may change before it writes the file.
/// </summary>
internal sealed class RandomLlama
{
    public const int Hidden = 32;
    public const int Vocabulary = 50;

    public RandomLlama(int seed = 1)
    {
        var random = new Random(seed);
        const int Inner = 48, Queries = 32, Keys = 16;
        Add("token_embd.weight", Vocabulary, Hidden);
        Add("output_norm.weight", 1, Hidden);
        for (int layer = 0; layer < 2; layer++)
        {
            Add($"blk.{layer}.attn_norm.weight", 1, Hidden);
            Add($"blk.{layer}.attn_q.weight", Queries, Hidden);
            Add($"blk.{layer}.attn_k.weight", Keys, Hidden);
            Add($"blk.{layer}.attn_v.weight", Keys, Hidden);
            Add($"blk.{layer}.attn_output.weight", Hidden, Queries);
            Add($"blk.{layer}.ffn_norm.weight", 1, Hidden);
            Add($"blk.{layer}.ffn_gate.weight", Inner, Hidden);
            Add($"blk.{layer}.ffn_up.weight", Inner, Hidden);
            Add($"blk.{layer}.ffn_down.weight", Hidden, Inner);
        }

        void Add(string name, int rows, int columns)
        {
            bool norm = rows == 1;
            float[] values = [.. Enumerable.Range(0, rows * columns).Select(_ => (norm ? 1 : 0) + 0.6f * (random.NextSingle() - 0.5f))];
            Tensors[name] = (norm ? [columns] : [columns, rows], values);
        }
    }

    /// <summary>Metadata: strings, unsigned integers and floats.</summary>
    public Dictionary<string, object> Metadata { get; } = new()
    {
        ["general.architecture"] = "llama",
        ["llama.block_count"] = 2u,
        ["llama.embedding_length"] = (uint)Hidden,
        ["llama.attention.head_count"] = 4u,
        ["llama.attention.head_count_kv"] = 2u,
        ["llama.feed_forward_length"] = 48u,
        ["llama.context_length"] = 512u,
        ["llama.attention.layer_norm_rms_epsilon"] = 1e-5f,
    };

    /// <summary>Tensors by name: shape with the row length first, values.</summary>
    public Dictionary<string, (int[] Shape, float[] Values)> Tensors { get; } = [];

    /// <summary>Writes the file.</summary>
    public void Write(string path)
    {
        using var writer = new BinaryWriter(File.Create(path));
        writer.Write("GGUF"u8);
        writer.Write(3);
        writer.Write((long)Tensors.Count);
        writer.Write((long)Metadata.Count);
        foreach ((string key, object value) in Metadata)
        {
            WriteString(writer, key);
            WriteValue(writer, value);
        }
        long offset = 0;
        foreach ((string name, (int[] shape, float[] values)) in Tensors)
        {
            WriteString(writer, name);
            writer.Write(shape.Length);
            foreach (int length in shape)
            {
                writer.Write((long)length);
            }
            writer.Write(0);
            writer.Write(offset);
            offset += Aligned(values.Length * sizeof(float));
        }
        writer.Write(new byte[Aligned(writer.BaseStream.Position) - writer.BaseStream.Position]);
        foreach ((_, float[] values) in Tensors.Values)
        {
            foreach (float value in values)
            {
                writer.Write(value);
            }
            writer.Write(new byte[Aligned(values.Length * sizeof(float)) - values.Length * sizeof(float)]);
        }
    }

    private static long Aligned(long length) => (length + 31) / 32 * 32;

    private static void WriteValue(BinaryWriter writer, object value)
    {
        switch (value)
        {
            case string text:
                writer.Write(8);
                WriteString(writer, text);
                break;
            case uint number:
                writer.Write(4);
                writer.Write(number);
                break;
            case float number:
                writer.Write(6);
                writer.Write(number);
                break;
            default:
                throw new NotSupportedException(value.GetType().Name);
        }
    }

    private static void WriteString(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((long)bytes.Length);
        writer.Write(bytes);
    }
}
