using System.Runtime.InteropServices;
using System.Text.Json;

namespace Prescore.Models.Formats.Safetensors;

/// <summary>
/// Collects tensors and metadata and writes them as a safetensors file. The tensors' memory is read when the file is
/// saved, not copied before.
/// </summary>
public sealed class SafetensorsWriter
{
    // The data begin at a multiple of 8 bytes and larger elements come first, so every tensor is aligned.
    private const int Alignment = 8;

    private readonly Dictionary<string, Entry> _tensors = [];
    private readonly SortedDictionary<string, string> _metadata = new(StringComparer.Ordinal);

    /// <summary>Adds an F32 tensor.</summary>
    /// <param name="name">Its name, not used before.</param>
    /// <param name="values">Its values in C order.</param>
    /// <param name="shape">Dimensions whose product is the number of values; none for a scalar.</param>
    /// <exception cref="ArgumentException">The name is taken, or the shape does not fit the values.</exception>
    public void Add(string name, ReadOnlyMemory<float> values, params ReadOnlySpan<long> shape) =>
        AddEntry(name, "F32", values, shape);

    /// <summary>Adds an F64 tensor.</summary>
    /// <inheritdoc cref="Add(string, ReadOnlyMemory{float}, ReadOnlySpan{long})"/>
    public void Add(string name, ReadOnlyMemory<double> values, params ReadOnlySpan<long> shape) =>
        AddEntry(name, "F64", values, shape);

    /// <summary>Adds an F16 tensor.</summary>
    /// <inheritdoc cref="Add(string, ReadOnlyMemory{float}, ReadOnlySpan{long})"/>
    public void Add(string name, ReadOnlyMemory<Half> values, params ReadOnlySpan<long> shape) =>
        AddEntry(name, "F16", values, shape);

    /// <summary>Adds an I32 tensor.</summary>
    /// <inheritdoc cref="Add(string, ReadOnlyMemory{float}, ReadOnlySpan{long})"/>
    public void Add(string name, ReadOnlyMemory<int> values, params ReadOnlySpan<long> shape) =>
        AddEntry(name, "I32", values, shape);

    /// <summary>Adds a tensor of any type whose bytes are written when the file is saved, so that it is never in memory as a whole.</summary>
    /// <param name="name">Its name, not used before.</param>
    /// <param name="type">A type of safetensors.</param>
    /// <param name="shape">Its dimensions, outermost first; none for a scalar.</param>
    /// <param name="write">Writes exactly the bytes of all elements in C order.</param>
    /// <exception cref="ArgumentException">The name is taken, or safetensors has no such type.</exception>
    public void Add(string name, StorageType type, ReadOnlySpan<long> shape, Action<Stream> write)
    {
        if (!type.InSafetensors)
        {
            throw new ArgumentException($"tensor '{name}': safetensors files hold no {type}", nameof(type));
        }
        long count = 1;
        foreach (long length in shape)
        {
            count = checked(count * length);
        }
        if (name == SafetensorsHeader.MetadataKey
            || !_tensors.TryAdd(name, new Entry(name, type, shape.ToArray(), checked(count * type.BlockBytes), write)))
        {
            throw new ArgumentException($"the tensor name '{name}' is taken", nameof(name));
        }
    }

    /// <summary>Adds a metadata string; a later value replaces an earlier one.</summary>
    public void AddMetadata(string key, string value) => _metadata[key] = value;

    /// <summary>Writes the file: to a temporary name first, renamed when complete.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(string path)
    {
        Entry[] ordered = [.. _tensors.Values.OrderByDescending(tensor => tensor.Type.BlockBytes)];
        byte[] header = Header(ordered);
        AtomicFile.Write(path, stream =>
        {
            stream.Write(BitConverter.GetBytes((ulong)header.Length));
            stream.Write(header);
            foreach (Entry tensor in ordered)
            {
                tensor.WriteData(stream);
            }
        });
    }

    private void AddEntry<T>(string name, string typeName, ReadOnlyMemory<T> values, ReadOnlySpan<long> shape)
        where T : unmanaged
    {
        long count = 1;
        foreach (long length in shape)
        {
            count = checked(count * length);
        }
        if (count != values.Length)
        {
            throw new ArgumentException($"tensor '{name}': the shape holds {count} values, {values.Length} are given");
        }
        Add(name, StorageType.FindSafetensors(typeName)!, shape, stream => WriteValues(stream, values.Span));
    }

    private static void WriteValues<T>(Stream stream, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        const int Chunk = 1 << 20; // so that the byte count of a large tensor never exceeds a span
        for (; !values.IsEmpty; values = values[Math.Min(Chunk, values.Length)..])
        {
            stream.Write(MemoryMarshal.AsBytes(values[..Math.Min(Chunk, values.Length)]));
        }
    }

    private byte[] Header(Entry[] ordered)
    {
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartObject();
            WriteMetadata(writer);
            long offset = 0;
            foreach (Entry tensor in ordered)
            {
                writer.WriteStartObject(tensor.Name);
                writer.WriteString("dtype", tensor.Type.Name);
                WriteIntegers(writer, "shape", tensor.Shape);
                WriteIntegers(writer, "data_offsets", [offset, offset + tensor.ByteLength]);
                writer.WriteEndObject();
                offset += tensor.ByteLength;
            }
            writer.WriteEndObject();
        }
        while (json.Length % Alignment != 0)
        {
            json.WriteByte((byte)' ');
        }
        return json.ToArray();
    }

    private void WriteMetadata(Utf8JsonWriter writer)
    {
        if (_metadata.Count == 0)
        {
            return;
        }
        writer.WriteStartObject(SafetensorsHeader.MetadataKey);
        foreach ((string key, string value) in _metadata)
        {
            writer.WriteString(key, value);
        }
        writer.WriteEndObject();
    }

    private static void WriteIntegers(Utf8JsonWriter writer, string name, ReadOnlySpan<long> values)
    {
        writer.WriteStartArray(name);
        foreach (long value in values)
        {
            writer.WriteNumberValue(value);
        }
        writer.WriteEndArray();
    }

    private sealed record Entry(string Name, StorageType Type, long[] Shape, long ByteLength, Action<Stream> WriteData);
}
