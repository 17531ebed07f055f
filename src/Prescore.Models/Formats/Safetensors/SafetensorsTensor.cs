namespace Prescore.Models.Formats.Safetensors;

/// <summary>A tensor of a safetensors file: where it lies and how; its values are read through <see cref="SafetensorsFile"/>.</summary>
public sealed class SafetensorsTensor
{
    private readonly long[] _shape;

    internal SafetensorsTensor(string name, SafetensorsType type, long[] shape, long count, long offset, long byteLength)
    {
        Name = name;
        Type = type;
        _shape = shape;
        Count = count;
        Offset = offset;
        ByteLength = byteLength;
    }

    /// <summary>Name.</summary>
    public string Name { get; }

    /// <summary>Element type.</summary>
    public SafetensorsType Type { get; }

    /// <summary>Dimensions, the slowest-running first (C order); empty for a scalar.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    /// <summary>Number of elements.</summary>
    public long Count { get; }

    /// <summary>Bytes that the tensor takes in the file.</summary>
    public long ByteLength { get; }

    /// <summary>Position in the file, in bytes.</summary>
    internal long Offset { get; }

    /// <summary>Name, type and shape for messages: <c>'k' (F16 [3, 4096, 64])</c>.</summary>
    public override string ToString() => $"'{Name}' ({SafetensorsTypeInfo.Of(Type).Name} [{string.Join(", ", _shape)}])";
}
