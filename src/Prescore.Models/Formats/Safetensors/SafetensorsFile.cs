using System.Buffers;
using System.Numerics.Tensors;
using System.Runtime.InteropServices;

namespace Prescore.Models.Formats.Safetensors;

/// <summary>
/// A safetensors file, memory mapped: its metadata, the list of its tensors, and their values as floats, doubles or
/// integers. Files and tensors may be larger than 2 GiB. Many threads may read at once.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    // Elements are copied out of the map and converted in pieces of about this size: small enough for the second-level cache.
    private const int ChunkElements = 16 * 1024;

    private readonly MappedFile _file;
    private readonly Dictionary<string, SafetensorsTensor> _byName;

    private SafetensorsFile(MappedFile file, SafetensorsHeader header)
    {
        _file = file;
        Metadata = header.Metadata;
        Tensors = header.Tensors;
        _byName = Tensors.ToDictionary(tensor => tensor.Name);
    }

    /// <summary>The path it was opened by.</summary>
    public string Path => _file.Path;

    /// <summary>The free-form strings of the header.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; }

    /// <summary>All tensors, in the order of the header.</summary>
    public IReadOnlyList<SafetensorsTensor> Tensors { get; }

    /// <summary>Opens a file and checks its whole header.</summary>
    /// <exception cref="ModelFormatException">The file is no valid safetensors file.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static SafetensorsFile Open(string path)
    {
        var file = new MappedFile(path);
        try
        {
            return new SafetensorsFile(file, SafetensorsHeader.Read(file));
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
    public SafetensorsTensor GetTensor(string name) => _byName.TryGetValue(name, out SafetensorsTensor? tensor)
        ? tensor
        : throw new ModelFormatException(
            Path, $"the tensor '{name}' is missing", $"the file holds {string.Join(", ", Tensors.Take(20).Select(t => t.Name))}");

    /// <summary>All values of a tensor of any float type, as fp32.</summary>
    /// <exception cref="ModelFormatException">No such tensor, no float type, or too large for one array.</exception>
    public float[] ReadFloats(string name)
    {
        var values = new float[ArrayLength(name)];
        ReadFloats(name, 0, values);
        return values;
    }

    /// <summary>Elements [first, first + values.Length) of a tensor of any float type, as fp32.</summary>
    /// <exception cref="ModelFormatException">No such tensor, or no float type.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Elements that the tensor does not have.</exception>
    public void ReadFloats(string name, long first, Span<float> values) => Convert(name, first, values, ToSingle(name));

    /// <summary>All values of a tensor of any float type, as fp64.</summary>
    /// <exception cref="ModelFormatException">No such tensor, no float type, or too large for one array.</exception>
    public double[] ReadDoubles(string name)
    {
        var values = new double[ArrayLength(name)];
        ReadDoubles(name, 0, values);
        return values;
    }

    /// <summary>Elements [first, first + values.Length) of a tensor of any float type, as fp64.</summary>
    /// <exception cref="ModelFormatException">No such tensor, or no float type.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Elements that the tensor does not have.</exception>
    public void ReadDoubles(string name, long first, Span<double> values)
    {
        ElementConverter<float> toSingle = ToSingle(name);
        if (GetTensor(name).Type == SafetensorsType.F64)
        {
            Convert(name, first, values, (bytes, part) => MemoryMarshal.Cast<byte, double>(bytes).CopyTo(part));
            return;
        }
        var single = new float[ChunkElements];
        Convert(name, first, values, (bytes, part) =>
        {
            toSingle(bytes, single.AsSpan(0, part.Length));
            TensorPrimitives.ConvertTruncating(single.AsSpan(0, part.Length), part);
        });
    }

    /// <summary>All values of a tensor of any integer type (or BOOL: 0 and 1), as 32-bit integers.</summary>
    /// <exception cref="ModelFormatException">
    /// No such tensor, no integer type, a value beyond 32 bits, or too large for one array.
    /// </exception>
    public int[] ReadInt32s(string name)
    {
        SafetensorsTensor tensor = GetTensor(name);
        var values = new int[ArrayLength(name)];
        try
        {
            Convert(name, 0, values.AsSpan(), SafetensorsTypeInfo.Of(tensor.Type).ToInt32 ?? throw WrongType(tensor, "an integer"));
        }
        catch (OverflowException)
        {
            throw new ModelFormatException(Path, $"tensor {tensor} holds values beyond 32 bits", "store it as I32");
        }
        return values;
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private ElementConverter<float> ToSingle(string name)
    {
        SafetensorsTensor tensor = GetTensor(name);
        return SafetensorsTypeInfo.Of(tensor.Type).ToSingle ?? throw WrongType(tensor, "a float");
    }

    private int ArrayLength(string name)
    {
        SafetensorsTensor tensor = GetTensor(name);
        return tensor.Count <= Array.MaxLength
            ? (int)tensor.Count
            : throw new ModelFormatException(
                Path, $"tensor {tensor} has more values than one array can hold", "read it in parts");
    }

    private void Convert<T>(string name, long first, Span<T> values, ElementConverter<T> convert)
    {
        SafetensorsTensor tensor = GetTensor(name);
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, tensor.Count - values.Length);
        int elementBytes = SafetensorsTypeInfo.Of(tensor.Type).Bytes;
        long offset = tensor.Offset + (first * elementBytes);
        byte[] chunk = ArrayPool<byte>.Shared.Rent(Math.Min(ChunkElements, values.Length) * elementBytes);
        while (!values.IsEmpty)
        {
            Span<T> part = values[..Math.Min(ChunkElements, values.Length)];
            Span<byte> bytes = chunk.AsSpan(0, part.Length * elementBytes);
            _file.Read(offset, bytes);
            convert(bytes, part);
            offset += bytes.Length;
            values = values[part.Length..];
        }
        ArrayPool<byte>.Shared.Return(chunk);
    }

    private ModelFormatException WrongType(SafetensorsTensor tensor, string wanted) =>
        new(Path, $"tensor {tensor} is not of {wanted} type", $"store it as {wanted} type");
}
