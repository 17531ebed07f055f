using System.Text;

namespace Prescore.Tests.Formats.Gguf;

/// <summary>Writes small GGUF files, so that tests of the format need no reference data.</summary>
internal static class TinyGguf
{
    private const int Alignment = 32;

    /// <summary>A file with a metadata value of most kinds and two tensors: F32 [4, 2] = 0..7 and Q8_0 [32] = 0.</summary>
    public static byte[] Build()
    {
        using var bytes = new MemoryStream();
        using var writer = new BinaryWriter(bytes);
        WriteHeader(
            writer, tensors: 2,
            ("general.architecture", "llama"), ("llama.block_count", 1), ("tokens", new[] { "é", "b" }), ("types", new[] { 1, 2 }));
        WriteTensor(writer, "a.weight", [4, 2], type: 0, offset: 0);
        WriteTensor(writer, "b.weight", [32], type: 8, offset: 32);
        writer.Write(new byte[(Alignment - (bytes.Position % Alignment)) % Alignment]);
        for (int i = 0; i < 8; i++)
        {
            writer.Write((float)i);
        }
        writer.Write(new byte[34]);
        return bytes.ToArray();
    }

    /// <summary>A file of metadata alone; values are int, float, bool, string, or arrays of these.</summary>
    public static void Write(string path, params (string Key, object Value)[] metadata)
    {
        using var writer = new BinaryWriter(File.Create(path));
        WriteHeader(writer, tensors: 0, metadata);
    }

    private static void WriteHeader(BinaryWriter writer, long tensors, params (string Key, object Value)[] metadata)
    {
        writer.Write("GGUF"u8);
        writer.Write(3);
        writer.Write(tensors);
        writer.Write((long)metadata.Length);
        foreach ((string key, object value) in metadata)
        {
            WriteString(writer, key);
            writer.Write(TypeNumber(value));
            WriteValue(writer, value);
        }
    }

    private static int TypeNumber(object value) => value switch
    {
        int => 5,
        float => 6,
        bool => 7,
        string => 8,
        Array => 9,
        _ => throw new ArgumentException($"no GGUF type for {value.GetType()}"),
    };

    private static void WriteValue(BinaryWriter writer, object value)
    {
        switch (value)
        {
            case int number:
                writer.Write(number);
                break;
            case bool flag:
                writer.Write(flag);
                break;
            case float number:
                writer.Write(number);
                break;
            case string text:
                WriteString(writer, text);
                break;
            case Array items:
                writer.Write(TypeNumber(items.GetValue(0)!));
                writer.Write((long)items.Length);
                foreach (object item in items)
                {
                    WriteValue(writer, item);
                }
                break;
        }
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

    private static void WriteString(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((long)bytes.Length);
        writer.Write(bytes);
    }
}
