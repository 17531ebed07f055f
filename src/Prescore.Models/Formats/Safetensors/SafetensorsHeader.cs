using System.Text.Json;
using System.Text.Unicode;
using Prescore.Memory;

namespace Prescore.Models.Formats.Safetensors;

/// <summary>
/// The parsed and checked header of a safetensors file: eight bytes of length, a JSON object, then the data, which the
/// tensors must fill without holes, overlaps or a rest.
/// </summary>
internal sealed class SafetensorsHeader
{
    private const int LengthBytes = sizeof(ulong);
    public const string MetadataKey = "__metadata__";

    // The limit of the reference library.
    private const long MaximumBytes = 100_000_000;

    private readonly MappedFile _file;
    private readonly long _dataStart;
    private readonly Dictionary<string, StoredTensor> _tensors = [];

    private SafetensorsHeader(MappedFile file)
    {
        _file = file;
        byte[] json = ReadJson();
        _dataStart = LengthBytes + json.Length;
        try
        {
            ParseHeader(json);
        }
        catch (Exception error) when (error is JsonException or InvalidOperationException)
        {
            // InvalidOperationException: a string with half a surrogate pair.
            throw Error($"the header is not valid JSON ({error.Message.ReplaceLineEndings(" ")})");
        }
        CheckTiling();
    }

    public Dictionary<string, string> Metadata { get; } = [];

    /// <summary>The tensors in the order of the header.</summary>
    public StoredTensor[] Tensors => [.. _tensors.Values];

    /// <exception cref="ModelFormatException">The header is not valid or does not fit its file.</exception>
    public static SafetensorsHeader Read(MappedFile file) => new(file);

    private byte[] ReadJson()
    {
        if (_file.Length < LengthBytes)
        {
            throw Error($"the file has {_file.Length} bytes, too few for the length of the header");
        }
        Span<ulong> length = stackalloc ulong[1];
        _file.Read(0, length);
        long most = Math.Min(_file.Length - LengthBytes, MaximumBytes);
        if (length[0] < 2 || length[0] > (ulong)most)
        {
            throw Error($"the header length is {length[0]}, out of range 2..{most}");
        }
        var json = new byte[length[0]];
        _file.Read(LengthBytes, json.AsSpan());
        return json[0] != (byte)'{' ? throw Error("the header does not begin with '{'")
            : !Utf8.IsValid(json) ? throw Error("the header is not valid UTF-8")
            : json;
    }

    private void ParseHeader(byte[] json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        while (ReadName(ref reader, out string name))
        {
            if (name == MetadataKey)
            {
                ParseMetadata(ref reader);
            }
            else if (!_tensors.TryAdd(name, ParseTensor(ref reader, name)))
            {
                throw Error($"the tensor name '{name}' occurs twice");
            }
        }
        reader.Read(); // throws where anything follows the object
    }

    /// <summary>Reads the next property's name and steps to its value; false at the end of the object.</summary>
    private static bool ReadName(ref Utf8JsonReader reader, out string name)
    {
        reader.Read();
        bool more = reader.TokenType == JsonTokenType.PropertyName;
        name = more ? reader.GetString()! : "";
        return more && reader.Read();
    }

    private void ParseMetadata(ref Utf8JsonReader reader)
    {
        Expect(reader.TokenType == JsonTokenType.StartObject, $"{MetadataKey} is no object");
        while (ReadName(ref reader, out string key))
        {
            Expect(reader.TokenType == JsonTokenType.String, $"the metadata value '{key}' is no string");
            Expect(Metadata.TryAdd(key, reader.GetString()!), $"the metadata key '{key}' occurs twice");
        }
    }

    private StoredTensor ParseTensor(ref Utf8JsonReader reader, string name)
    {
        Expect(reader.TokenType == JsonTokenType.StartObject, $"the entry of tensor '{name}' is no object");
        string? dtype = null;
        long[]? shape = null;
        long[]? offsets = null;
        while (ReadName(ref reader, out string key))
        {
            switch (key)
            {
                case "dtype":
                    Expect(dtype is null && reader.TokenType == JsonTokenType.String, $"tensor '{name}' needs one dtype");
                    dtype = reader.GetString();
                    break;
                case "shape":
                    Expect(shape is null, $"tensor '{name}' has two shapes");
                    shape = ParseIntegers(ref reader, $"the shape of tensor '{name}'");
                    break;
                case "data_offsets":
                    Expect(offsets is null, $"tensor '{name}' has two pairs of data_offsets");
                    offsets = ParseIntegers(ref reader, $"data_offsets of tensor '{name}'");
                    break;
                default:
                    reader.Skip();
                    break;
            }
        }
        Expect(dtype is not null && shape is not null && offsets is not null,
            $"tensor '{name}' lacks one of dtype, shape and data_offsets");
        return CheckTensor(name, dtype!, shape!, offsets!);
    }

    private long[] ParseIntegers(ref Utf8JsonReader reader, string what)
    {
        Expect(reader.TokenType == JsonTokenType.StartArray, $"{what} is no array");
        var values = new List<long>();
        while (reader.Read() && reader.TokenType != JsonTokenType.EndArray)
        {
            long value = 0;
            Expect(reader.TokenType == JsonTokenType.Number && reader.TryGetInt64(out value) && value >= 0,
                $"{what} holds something else than whole numbers in 0..2^63-1");
            values.Add(value);
        }
        return [.. values];
    }

    private StoredTensor CheckTensor(string name, string dtype, long[] shape, long[] offsets)
    {
        StorageType type = StorageType.FindSafetensors(dtype)
            ?? throw Error($"tensor '{name}' has the unknown dtype {dtype} (known: {StorageType.SafetensorsNames})");
        Expect(offsets.Length == 2, $"tensor '{name}' has {offsets.Length} data_offsets instead of 2");
        (long begin, long end) = (offsets[0], offsets[1]);
        Expect(begin <= end, $"tensor '{name}' begins at {begin}, after its end {end}");
        long dataLength = _file.Length - _dataStart;
        Expect(end <= dataLength, $"tensor '{name}' ends at {end}, past the {dataLength} bytes of data (the file is cut short)");
        long count = Count(name, shape);
        Expect(count <= long.MaxValue / type.BlockBytes && count * type.BlockBytes == end - begin,
            $"tensor '{name}' ({dtype} [{string.Join(", ", shape)}]) does not fill its {end - begin} bytes");
        return new StoredTensor(_file, name, shape, type, _dataStart + begin);
    }

    private long Count(string name, long[] shape)
    {
        try
        {
            return shape.Aggregate(1L, (product, length) => checked(product * length));
        }
        catch (OverflowException)
        {
            throw Error($"tensor '{name}' has the shape [{string.Join(", ", shape)}], too large for any file");
        }
    }

    private void CheckTiling()
    {
        long next = _dataStart;
        foreach (StoredTensor tensor in _tensors.Values.OrderBy(t => t.Offset).ThenBy(t => t.ByteLength))
        {
            Expect(tensor.Offset >= next, $"tensor {tensor} overlaps the one before it");
            Expect(tensor.Offset <= next, $"{tensor.Offset - next} bytes before tensor {tensor} belong to none");
            next = tensor.Offset + tensor.ByteLength;
        }
        Expect(next == _file.Length, $"{_file.Length - next} bytes after the last tensor belong to none");
    }

    private void Expect(bool condition, string problem)
    {
        if (!condition)
        {
            throw Error(problem);
        }
    }

    private ModelFormatException Error(string problem) =>
        new(_file.Path, problem, "the file is damaged or no safetensors file; fetch or write it again");
}
