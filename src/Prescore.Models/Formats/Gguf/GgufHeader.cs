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

    public GgufTensor[] Tensors { get; }

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

    private GgufTensor[] ReadTensors(int count)
    {
        uint alignment = Metadata.GetUInt32("general.alignment", DefaultAlignment);
        if (!uint.IsPow2(alignment))
        {
            throw new ModelFormatException(_file.Path, $"general.alignment is {alignment}, no power of two", Regenerate);
        }
        var relative = new List<GgufTensor>();
        var names = new HashSet<string>();
        for (int i = 0; i < count; i++)
        {
            GgufTensor tensor = ReadTensor(i);
            if (!names.Add(tensor.Name))
            {
                throw _reader.Error($"the tensor name '{tensor.Name}' occurs twice");
            }
            relative.Add(tensor);
        }
        long dataStart = (_reader.Position + alignment - 1) / alignment * alignment;
        var tensors = relative.Select(tensor => Place(tensor, dataStart, alignment)).ToArray();
        CheckOverlap(tensors);
        return tensors;
    }

    private GgufTensor ReadTensor(int index)
    {
        string name = _reader.ReadString($"the name of tensor {index}");
        uint dimensions = _reader.ReadNumber<uint>($"the shape of tensor '{name}'");
        if (dimensions > MaximumDimensions)
        {
            throw _reader.Error($"tensor '{name}' has {dimensions} dimensions, more than {MaximumDimensions}");
        }
        var shape = new long[dimensions];
        for (int d = 0; d < shape.Length; d++)
        {
            ulong length = _reader.ReadNumber<ulong>($"the shape of tensor '{name}'");
            shape[d] = length <= long.MaxValue
                ? (long)length
                : throw _reader.Error($"tensor '{name}' has a dimension of {length}");
        }
        uint typeNumber = _reader.ReadNumber<uint>($"the type of tensor '{name}'");
        GgmlTypeInfo type = GgmlTypeInfo.Find((GgmlType)typeNumber)
            ?? throw _reader.Error($"tensor '{name}' has the unknown type number {typeNumber}");
        long byteLength = ByteLength(name, shape, type);
        ulong offset = _reader.ReadNumber<ulong>($"the offset of tensor '{name}'");
        return offset <= long.MaxValue
            ? new GgufTensor(name, shape, type.Type, (long)offset, byteLength)
            : throw _reader.Error($"tensor '{name}' has the offset {offset}, past the end of the file");
    }

    private long ByteLength(string name, long[] shape, GgmlTypeInfo type)
    {
        long columns = shape.Length == 0 ? 1 : shape[0];
        if (columns % type.BlockLength != 0)
        {
            throw _reader.Error(
                $"tensor '{name}' has rows of {columns} values, which is no multiple of the {type.BlockLength} in a block of {type.Type}");
        }
        try
        {
            checked
            {
                long rows = 1;
                foreach (long length in shape.AsSpan(Math.Min(1, shape.Length)))
                {
                    rows *= length;
                }
                _ = rows * columns; // the number of values must fit too
                return columns / type.BlockLength * type.BlockBytes * rows;
            }
        }
        catch (OverflowException)
        {
            throw _reader.Error($"tensor '{name}' has the shape [{string.Join(", ", shape)}], too large for any file");
        }
    }

    /// <summary>Turns an offset relative to the data section into one from the start of the file, and checks it.</summary>
    private GgufTensor Place(GgufTensor tensor, long dataStart, uint alignment)
    {
        if (tensor.Offset % alignment != 0)
        {
            throw Misplaced(tensor, $"has the offset {tensor.Offset}, which is no multiple of the alignment {alignment}");
        }
        long past = SaturatingSum(dataStart, tensor.Offset, tensor.ByteLength) - _file.Length;
        if (past > 0 && tensor.ByteLength > 0)
        {
            throw Misplaced(tensor, $"ends {past} bytes past the end of the file (the file is cut short)");
        }
        return new GgufTensor(tensor.Name, tensor.Shape.ToArray(), tensor.Type, dataStart + tensor.Offset, tensor.ByteLength);
    }

    private void CheckOverlap(GgufTensor[] tensors)
    {
        GgufTensor? before = null;
        foreach (GgufTensor tensor in tensors.Where(t => t.ByteLength > 0).OrderBy(t => t.Offset))
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

    private ModelFormatException Misplaced(GgufTensor tensor, string problem) =>
        new(_file.Path, $"tensor {tensor} {problem}", Regenerate);
}
