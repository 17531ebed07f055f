namespace Prescore.Models.Formats.Gguf;

/// <summary>A tensor of a GGUF file: where it lies and how; its values are read through <see cref="GgufFile"/>.</summary>
public sealed class GgufTensor
{
    private readonly long[] _shape;

    internal GgufTensor(string name, long[] shape, GgmlType type, long offset, long byteLength)
    {
        Name = name;
        _shape = shape;
        Type = type;
        Offset = offset;
        ByteLength = byteLength;
    }

    /// <summary>Name, such as "blk.0.attn_q.weight".</summary>
    public string Name { get; }

    /// <summary>Dimensions in GGUF order ("ne"): the fastest-running one, the row length, first.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    /// <summary>Storage type.</summary>
    public GgmlType Type { get; }

    /// <summary>Bytes that the tensor takes in the file.</summary>
    public long ByteLength { get; }

    /// <summary>Length of a row: the first dimension, 1 for a scalar.</summary>
    public long Columns => _shape.Length == 0 ? 1 : _shape[0];

    /// <summary>Number of rows: the product of all other dimensions.</summary>
    public long Rows
    {
        get
        {
            long rows = 1;
            for (int i = 1; i < _shape.Length; i++)
            {
                rows *= _shape[i];
            }
            return rows;
        }
    }

    /// <summary>Number of values.</summary>
    public long Count => Rows * Columns;

    /// <summary>Position in the file, in bytes.</summary>
    internal long Offset { get; }

    /// <summary>Name, type and shape for messages: <c>'a.weight' (Q4_1 [576, 1536])</c>.</summary>
    public override string ToString() => $"'{Name}' ({Type} [{string.Join(", ", _shape)}])";
}
