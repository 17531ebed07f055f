using Prescore.Memory;

namespace Prescore.Models.Formats.Gguf;

/// <summary>The parsed and checked header of a GGUF file: version, metadata, and where each tensor lies.</summary>
internal sealed class GgufHeader
{
    private const uint Magic = 0x46554747; // "GGUF"
    private const int MaximumDimensions = 4;
    private const uint DefaultAlignment = 32;
    private const string Regenerate = "the file is damaged; fetch or convert it again";

    private readonly MappedFile _file;
    private readonly GgufHeaderReader _reader;

    private GgufHeader(MappedFile file)
    {
        _file = file;
        _reader = new GgufHeaderReader(file);
        Version = ReadVersion();
        // The least a tensor takes: name length, dimension count, type, offset; a pair: key length, type, one byte.
        int tensors = _reader.ReadCount(8 + 4 + 4 + 8, "the number of tensors");
        int pairs = _reader.ReadCount(8 + 4 + 1, "the number of metadata pairs");
        Metadata = new GgufMetadata(file.Path, ReadPairs(pairs));
        Tensors = ReadTensors(tensors);
    }

    /// <summary>Format version, 2 or 3.</summary>
    public int Version { get; }

    public GgufMetadata Metadata { get; }

    public StoredTensor[] Tensors { get; }

    /// <exception cref="ModelFormatException">The header is no valid GGUF header or does not fit its file.</exception>
    public static GgufHeader Read(MappedFile file) => new(file);

    private int ReadVersion()
    {
        if (_reader.ReadNumber<uint>("the magic number") != Magic)
        {
            throw new ModelFormatException(
                _file.Path, "the file does not begin with 'GGUF'", "give a model in GGUF format");
        }
        uint version = _reader.ReadNumber<uint>("the version");
        if (version is 2 or 3)
        {
            return (int)version;
        }
        string kind = (version & 0xFFFF) == 0 ? "the file is big-endian" : $"version {version} of GGUF is not supported";
        throw new ModelFormatException(_file.Path, kind, "convert the model to a little-endian GGUF of version 2 or 3");
    }

    private Dictionary<string, object> ReadPairs(int count)
    {
        var values = new Dictionary<string, object>();
        for (int i = 0; i < count; i++)
        {
            string key = _reader.ReadString($"metadata key {i}");
            if (!values.TryAdd(key, _reader.ReadValue($"the value of '{key}'")))
            {
                throw _reader.Error($"the metadata key '{key}' occurs twice");
            }
        }
        return values;
    }

    private StoredTensor[] ReadTensors(int count)
    {
        uint alignment = Metadata.GetUInt32("general.alignment", DefaultAlignment);
        if (!uint.IsPow2(alignment))
        {
            throw new ModelFormatException(_file.Path, $"general.alignment is {alignment}, no power of two", Regenerate);
        }
        var entries = new List<Entry>();
        var names = new HashSet<string>();
        for (int i = 0; i < count; i++)
        {
            Entry entry = ReadEntry(i);
            if (!names.Add(entry.Name))
            {
                throw _reader.Error($"the tensor name '{entry.Name}' occurs twice");
            }
            entries.Add(entry);
        }
        long dataStart = (_reader.Position + alignment - 1) / alignment * alignment;
        var tensors = entries.Select(entry => Place(entry, dataStart, alignment)).ToArray();
        CheckOverlap(tensors);
        return tensors;
    }

    private Entry ReadEntry(int index)
    {
        string name = _reader.ReadString($"the name of tensor {index}");
        uint dimensions = _reader.ReadNumber<uint>($"the shape of tensor '{name}'");
        if (dimensions > MaximumDimensions)
        {
            throw _reader.Error($"tensor '{name}' has {dimensions} dimensions, more than {MaximumDimensions}");
        }
        // The file has the row length first ("ne").
        var shape = new long[dimensions];
        for (int d = shape.Length - 1; d >= 0; d--)
        {
            ulong length = _reader.ReadNumber<ulong>($"the shape of tensor '{name}'");
            shape[d] = length <= long.MaxValue
                ? (long)length
                : throw _reader.Error($"tensor '{name}' has a dimension of {length}");
        }
        uint typeNumber = _reader.ReadNumber<uint>($"the type of tensor '{name}'");
        StorageType type = StorageType.Find((GgmlType)typeNumber)
            ?? throw _reader.Error($"tensor '{name}' has the unknown type number {typeNumber}");
        long byteLength = ByteLength(name, shape, type);
        ulong offset = _reader.ReadNumber<ulong>($"the offset of tensor '{name}'");
        return offset <= long.MaxValue
            ? new Entry(name, shape, type, (long)offset, byteLength)
            : throw _reader.Error($"tensor '{name}' has the offset {offset}, past the end of the file");
    }

    private long ByteLength(string name, long[] shape, StorageType type)
    {
        long columns = shape.Length == 0 ? 1 : shape[^1];
        if (columns % type.BlockLength != 0)
        {
            throw _reader.Error(
                $"tensor '{name}' has rows of {columns} values, which is no multiple of the {type.BlockLength} in a block of {type}");
        }
        try
        {
            return checked(shape.Aggregate(1L, (product, length) => checked(product * length)) / type.BlockLength * type.BlockBytes);
        }
        catch (OverflowException)
        {
            throw _reader.Error($"tensor '{name}' has the shape [{string.Join(", ", shape)}], too large for any file");
        }
    }

    /// <summary>Turns an offset relative to the data section into one from the start of the file, and checks it.</summary>
    private StoredTensor Place(Entry entry, long dataStart, uint alignment)
    {
        if (entry.Offset % alignment != 0)
        {
            throw Misplaced(entry, $"has the offset {entry.Offset}, which is no multiple of the alignment {alignment}");
        }
        long past = SaturatingSum(dataStart, entry.Offset, entry.ByteLength) - _file.Length;
        if (past > 0 && entry.ByteLength > 0)
        {
            throw Misplaced(entry, $"ends {past} bytes past the end of the file (the file is cut short)");
        }
        return new StoredTensor(_file, entry.Name, entry.Shape, entry.Type, entry.ByteLength > 0 ? dataStart + entry.Offset : dataStart);
    }

    private void CheckOverlap(StoredTensor[] tensors)
    {
        StoredTensor? before = null;
        foreach (StoredTensor tensor in tensors.Where(t => t.ByteLength > 0).OrderBy(t => t.Offset))
        {
            if (before is not null && before.Offset + before.ByteLength > tensor.Offset)
            {
                throw Misplaced(tensor, $"overlaps tensor '{before.Name}'");
            }
            before = tensor;
        }
    }

    private static long SaturatingSum(long a, long b, long c) =>
        a > long.MaxValue - b || a + b > long.MaxValue - c ? long.MaxValue : a + b + c;

    private ModelFormatException Misplaced(object tensor, string problem) =>
        new(_file.Path, $"tensor {tensor} {problem}", Regenerate);

    /// <summary>A tensor as the header lists it, its offset relative to the data section.</summary>
    private sealed record Entry(string Name, long[] Shape, StorageType Type, long Offset, long ByteLength)
    {
        public override string ToString() => $"'{Name}' ({Type} [{string.Join(", ", Shape)}])";
    }
}
