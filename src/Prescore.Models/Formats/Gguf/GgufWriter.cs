using System.Text;

namespace Prescore.Models.Formats.Gguf;

/// <summary>Supplies values [first, first + values.Length) of a tensor, row after row.</summary>
public delegate void TensorFill(long first, Span<float> values);

/// <summary>Supplies the next blocks of a tensor as they are stored, row after row.</summary>
public delegate void BlockFill(Span<byte> blocks);

/// <summary>
/// Collects metadata and tensors and writes them as a GGUF file of version 3. Values are asked for, rounded to their
/// storage type and written in pieces when the file is saved, so files larger than memory can be written.
/// </summary>
public sealed class GgufWriter
{
    private const int Alignment = 32;
    private const int PieceLength = 64 * 1024;

    private readonly List<(string Key, object Value)> _metadata = [];
    private readonly HashSet<string> _names = [];
    private readonly List<Entry> _tensors = [];

    /// <summary>Adds a metadata value: a number of any width, a bool, a string, or an array of one of these.</summary>
    /// <exception cref="ArgumentException">A key twice, or a value that the format cannot hold.</exception>
    public void AddMetadata(string key, object value)
    {
        _ = TypeOf(value is Array array ? array.GetType().GetElementType()! : value.GetType());
        if (_metadata.Exists(pair => pair.Key == key))
        {
            throw new ArgumentException($"the key '{key}' is taken", nameof(key));
        }
        _metadata.Add((key, value));
    }

    /// <summary>Adds a tensor.</summary>
    /// <param name="name">Its name, not used before.</param>
    /// <param name="type">A type that values can be rounded to.</param>
    /// <param name="shape">Dimensions, outermost first; the last one is a multiple of the type's block length.</param>
    /// <param name="fill">Supplies the values when the file is saved.</param>
    /// <exception cref="ArgumentException">A name twice, a type that cannot be written, or rows that are no whole blocks.</exception>
    public void AddTensor(string name, GgmlType type, ReadOnlySpan<long> shape, TensorFill fill)
    {
        StorageType storage = StorageType.Find(type) ?? throw new ArgumentException($"there is no type {type}", nameof(type));
        FromSingle quantize = storage.Quantize ?? throw new ArgumentException($"values cannot be rounded to {storage}", nameof(type));
        Add(name, storage, shape.ToArray(), (stream, count) => WriteValues(stream, count, storage, fill, quantize));
    }

    /// <summary>Adds a tensor whose values are in memory.</summary>
    /// <inheritdoc cref="AddTensor(string, GgmlType, ReadOnlySpan{long}, TensorFill)"/>
    public void AddTensor(string name, GgmlType type, ReadOnlySpan<long> shape, ReadOnlyMemory<float> values)
    {
        long count = 1;
        foreach (long length in shape)
        {
            count *= length;
        }
        if (count != values.Length)
        {
            throw new ArgumentException($"tensor '{name}': the shape holds {count} values, {values.Length} are given", nameof(values));
        }
        AddTensor(name, type, shape, (first, part) => values.Span.Slice((int)first, part.Length).CopyTo(part));
    }

    /// <summary>Adds a tensor as it is stored, of any type.</summary>
    /// <param name="name">Its name, not used before.</param>
    /// <param name="type">How the values are stored.</param>
    /// <param name="shape">Dimensions, outermost first; the last one is a multiple of the type's block length.</param>
    /// <param name="fill">Supplies the blocks, in order, when the file is saved.</param>
    /// <exception cref="ArgumentException">A name twice, an unknown type, or rows that are no whole blocks.</exception>
    public void AddStored(string name, GgmlType type, ReadOnlySpan<long> shape, BlockFill fill)
    {
        StorageType storage = StorageType.Find(type) ?? throw new ArgumentException($"there is no type {type}", nameof(type));
        Add(name, storage, shape.ToArray(), (stream, count) => WriteBlocks(stream, count / storage.BlockLength * storage.BlockBytes, storage, fill));
    }

    /// <summary>Writes the file: to a temporary name first, renamed when complete.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void Save(string path) => AtomicFile.Write(path, Save);

    private void Save(Stream stream)
    {
        byte[] header = Header();
        stream.Write(header);
        foreach (Entry tensor in _tensors)
        {
            tensor.Write(stream, tensor.Count);
            stream.Write(new byte[Padding(tensor.ByteLength)]);
        }
    }

    private void Add(string name, StorageType type, long[] shape, Action<Stream, long> write)
    {
        long columns = shape.Length == 0 ? 1 : shape[^1];
        if (columns % type.BlockLength != 0)
        {
            throw new ArgumentException($"tensor '{name}' has rows of {columns} values, no multiple of {type.BlockLength} as {type} needs", nameof(shape));
        }
        if (!_names.Add(name))
        {
            throw new ArgumentException($"the tensor name '{name}' is taken", nameof(name));
        }
        _tensors.Add(new Entry(name, type, shape, shape.Aggregate(1L, (product, length) => checked(product * length)), write));
    }

    private static void WriteValues(Stream stream, long count, StorageType type, TensorFill fill, FromSingle quantize)
    {
        var values = new float[Math.Min(PieceLength, count)];
        var bytes = new byte[values.Length / type.BlockLength * type.BlockBytes];
        for (long first = 0; first < count; first += values.Length)
        {
            Span<float> part = values.AsSpan(0, (int)Math.Min(values.Length, count - first));
            Span<byte> blocks = bytes.AsSpan(0, part.Length / type.BlockLength * type.BlockBytes);
            fill(first, part);
            quantize(part, blocks);
            stream.Write(blocks);
        }
    }

    private static void WriteBlocks(Stream stream, long count, StorageType type, BlockFill fill)
    {
        var bytes = new byte[Math.Min(PieceLength / type.BlockLength * type.BlockBytes, count)];
        for (long first = 0; first < count; first += bytes.Length)
        {
            Span<byte> blocks = bytes.AsSpan(0, (int)Math.Min(bytes.Length, count - first));
            fill(blocks);
            stream.Write(blocks);
        }
    }

    private byte[] Header()
    {
        var memory = new MemoryStream();
        using var writer = new BinaryWriter(memory);
        writer.Write("GGUF"u8);
        writer.Write(3u);
        writer.Write((ulong)_tensors.Count);
        writer.Write((ulong)_metadata.Count);
        foreach ((string key, object value) in _metadata)
        {
            WriteString(writer, key);
            WriteTyped(writer, value);
        }
        long offset = 0;
        foreach (Entry tensor in _tensors)
        {
            WriteString(writer, tensor.Name);
            writer.Write((uint)tensor.Shape.Length);
            foreach (long length in tensor.Shape.Reverse())
            {
                writer.Write((ulong)length);
            }
            writer.Write((uint)tensor.Type.Ggml!);
            writer.Write((ulong)offset);
            offset += tensor.ByteLength + Padding(tensor.ByteLength);
        }
        writer.Write(new byte[Padding(memory.Position)]);
        return memory.ToArray();
    }

    private static void WriteTyped(BinaryWriter writer, object value)
    {
        if (value is not Array array)
        {
            writer.Write((uint)TypeOf(value.GetType()));
            WriteValue(writer, value);
            return;
        }
        writer.Write((uint)GgufValueType.Array);
        writer.Write((uint)TypeOf(array.GetType().GetElementType()!));
        writer.Write((ulong)array.Length);
        foreach (object item in array)
        {
            WriteValue(writer, item);
        }
    }

    private static void WriteValue(BinaryWriter writer, object value)
    {
        switch (value)
        {
            case string text: WriteString(writer, text); break;
            case bool flag: writer.Write(flag); break;
            case byte number: writer.Write(number); break;
            case sbyte number: writer.Write(number); break;
            case ushort number: writer.Write(number); break;
            case short number: writer.Write(number); break;
            case uint number: writer.Write(number); break;
            case int number: writer.Write(number); break;
            case ulong number: writer.Write(number); break;
            case long number: writer.Write(number); break;
            case float number: writer.Write(number); break;
            case double number: writer.Write(number); break;
        }
    }

    private static GgufValueType TypeOf(Type type) =>
        type == typeof(string) ? GgufValueType.String
        : type == typeof(bool) ? GgufValueType.Bool
        : type == typeof(byte) ? GgufValueType.UInt8
        : type == typeof(sbyte) ? GgufValueType.Int8
        : type == typeof(ushort) ? GgufValueType.UInt16
        : type == typeof(short) ? GgufValueType.Int16
        : type == typeof(uint) ? GgufValueType.UInt32
        : type == typeof(int) ? GgufValueType.Int32
        : type == typeof(ulong) ? GgufValueType.UInt64
        : type == typeof(long) ? GgufValueType.Int64
        : type == typeof(float) ? GgufValueType.Float32
        : type == typeof(double) ? GgufValueType.Float64
        : throw new ArgumentException($"GGUF metadata hold no {type.Name}");

    private static void WriteString(BinaryWriter writer, string text)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(text);
        writer.Write((ulong)bytes.Length);
        writer.Write(bytes);
    }

    private static int Padding(long length) => (int)(-length & (Alignment - 1));

    private sealed record Entry(string Name, StorageType Type, long[] Shape, long Count, Action<Stream, long> Write)
    {
        public long ByteLength => Count / Type.BlockLength * Type.BlockBytes;
    }
}
