using System.Text;

namespace Prescore.Tests.Gguf;

/// <summary>Builds a small GGUF file in memory, so that tests of the format need no reference data.</summary>
internal static class TinyGguf
{
    /// <summary>A file with a metadata value of most kinds and two tensors: F32 [4, 2] = 0..7 and Q8_0 [32] = 0.</summary>
    public static byte[] Build()
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes);
        writer.Write("GGUF"u8);
        writer.Write(3);
        writer.Write(2L);
        writer.Write(4L);
        WriteKey(writer, "general.architecture", 8);
        WriteString(writer, "llama");
        WriteKey(writer, "llama.block_count", 4);
        writer.Write(1);
        WriteKey(writer, "tokens", 9);
        writer.Write(8);
        writer.Write(2L);
        WriteString(writer, "é");
        WriteString(writer, "b");
        WriteKey(writer, "scores", 9);
        writer.Write(6);
        writer.Write(2L);
        writer.Write(1.5f);
        writer.Write(-1.5f);
        WriteTensor(writer, "a.weight", [4, 2], type: 0, offset: 0);
        WriteTensor(writer, "b.weight", [32], type: 8, offset: 32);
        writer.Write(new byte[(32 - (bytes.Position % 32)) % 32]);
        for (int i = 0; i < 8; i++)
        {
            writer.Write((float)i);
        }
        writer.Write(new byte[34]);
        return bytes.ToArray();
    }

    private static void WriteTensor(BinaryWriter writer, string name, long[] shape, int type, long offset)
    {
        WriteString(writer, name);
        writer.Write(shape.Length);
        foreach (long length in shape)
        {
            writer.Write(length);
        }
        writer.Write(type);
        writer.Write(offset);
    }

    private static void WriteKey(BinaryWriter writer, string key, int type)
    {
        WriteString(writer, key);
        writer.Write(type);
    }

    private static void WriteString(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((long)bytes.Length);
        writer.Write(bytes);
    }
}
