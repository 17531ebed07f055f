using System.Buffers;

namespace Prescore.Models.Formats.Gguf;

/// <summary>
/// A GGUF model file, memory mapped: metadata, the list of its tensors, and their values as floats. Many threads may read
/// at once.
/// </summary>
public sealed class GgufFile : IDisposable
{
    // Raw blocks are copied out of the map in pieces of about this size: small enough for the second-level cache.
    private const int ChunkBytes = 128 * 1024;

    private readonly MappedFile _file;
    private readonly Dictionary<string, GgufTensor> _byName;

    private GgufFile(MappedFile file, GgufHeader header)
    {
        _file = file;
        Version = header.Version;
        Metadata = header.Metadata;
        Tensors = header.Tensors;
        _byName = header.Tensors.ToDictionary(tensor => tensor.Name);
    }

    /// <summary>The path it was opened by.</summary>
    public string Path => _file.Path;

    /// <summary>Format version, 2 or 3.</summary>
    public int Version { get; }

    /// <summary>The metadata.</summary>
    public GgufMetadata Metadata { get; }

    /// <summary>All tensors, in file order.</summary>
    public IReadOnlyList<GgufTensor> Tensors { get; }

    /// <summary>Opens a file and checks its whole header.</summary>
    /// <exception cref="ModelFormatException">The file is no valid GGUF file.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static GgufFile Open(string path)
    {
        var file = new MappedFile(path);
        try
        {
            return new GgufFile(file, GgufHeader.Read(file));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether there is a tensor of that name.</summary>
    public bool HasTensor(string name) => _byName.ContainsKey(name);

    /// <summary>The tensor of that name.</summary>
    /// <exception cref="ModelFormatException">There is none.</exception>
    public GgufTensor GetTensor(string name) => _byName.TryGetValue(name, out GgufTensor? tensor)
        ? tensor
        : throw new ModelFormatException(
            Path, $"the tensor '{name}' is missing", "the file is incomplete or of another architecture");

    /// <summary>All values of a tensor, row after row.</summary>
    /// <exception cref="ModelFormatException">No such tensor, a type that cannot be read, or too large for one array.</exception>
    public float[] ReadFloats(string name)
    {
        GgufTensor tensor = GetTensor(name);
        if (tensor.Count > Array.MaxLength)
        {
            throw new ModelFormatException(
                Path, $"tensor {tensor} has more values than one array can hold", "read it by rows");
        }
        var values = new float[tensor.Count];
        ReadFloats(name, values);
        return values;
    }

    /// <summary>All values of a tensor, row after row, into a buffer of exactly their number.</summary>
    /// <exception cref="ModelFormatException">No such tensor, or a type that cannot be read.</exception>
    /// <exception cref="ArgumentException">The buffer has another length than the tensor.</exception>
    public void ReadFloats(string name, Span<float> values) => ReadRows(name, 0, GetTensor(name).Rows, values);

    /// <summary>Some rows of a tensor, such as the embeddings of some tokens.</summary>
    /// <param name="name">The tensor.</param>
    /// <param name="firstRow">First row to read.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="values">Receives <paramref name="count"/> × columns values; must have exactly that length.</param>
    /// <exception cref="ModelFormatException">No such tensor, or a type that cannot be read.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Rows that the tensor does not have.</exception>
    /// <exception cref="ArgumentException">A buffer of another length.</exception>
    public void ReadRows(string name, long firstRow, long count, Span<float> values)
    {
        GgufTensor tensor = GetTensor(name);
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstRow, tensor.Rows - count);
        if (values.Length != count * tensor.Columns)
        {
            throw new ArgumentException(
                $"{count} rows of tensor {tensor} are {count * tensor.Columns} values, the buffer has {values.Length}",
                nameof(values));
        }
        GgmlTypeInfo type = GgmlTypeInfo.Find(tensor.Type)!;
        Dequantizer dequantize = type.Dequantize ?? throw new ModelFormatException(
            Path, $"tensor {tensor} is of a type that cannot be read yet", $"use a model in {GgmlTypeInfo.ReadableTypes}");
        long rowBytes = tensor.Columns / type.BlockLength * type.BlockBytes;
        Expand(tensor.Offset + (firstRow * rowBytes), type, dequantize, values);
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private void Expand(long offset, GgmlTypeInfo type, Dequantizer dequantize, Span<float> values)
    {
        int chunkBlocks = Math.Min(ChunkBytes / type.BlockBytes, values.Length / type.BlockLength);
        byte[] chunk = ArrayPool<byte>.Shared.Rent(chunkBlocks * type.BlockBytes);
        while (!values.IsEmpty)
        {
            int blocks = Math.Min(chunkBlocks, values.Length / type.BlockLength);
            Span<byte> raw = chunk.AsSpan(0, blocks * type.BlockBytes);
            _file.Read(offset, raw);
            dequantize(raw, values[..(blocks * type.BlockLength)]);
            offset += raw.Length;
            values = values[(blocks * type.BlockLength)..];
        }
        ArrayPool<byte>.Shared.Return(chunk);
    }
}
