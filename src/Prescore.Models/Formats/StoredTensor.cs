using System.Numerics.Tensors;
using System.Runtime.InteropServices;
using Prescore.Kernels;
using Prescore.Memory;

namespace Prescore.Models.Formats;

/// <summary>A tensor where it lies in a mapped file. Many threads may read it at once.</summary>
public sealed class StoredTensor
{
    // Values are converted in pieces of about this size: small enough for the second-level cache.
    private const int PieceBytes = 128 * 1024;

    private readonly MappedFile _file;
    private readonly long[] _shape;

    /// <param name="file">The file.</param>
    /// <param name="name">Name.</param>
    /// <param name="shape">Dimensions, outermost first, whose product is checked to fit; the last one is a multiple of the type's block.</param>
    /// <param name="type">How the values are stored.</param>
    /// <param name="offset">Position in the file; the range is checked to lie in it.</param>
    internal StoredTensor(MappedFile file, string name, long[] shape, StorageType type, long offset)
    {
        _file = file;
        Name = name;
        _shape = shape;
        Type = type;
        Offset = offset;
        Count = shape.Aggregate(1L, (product, length) => checked(product * length));
        ByteLength = checked(Count / type.BlockLength * type.BlockBytes);
    }

    /// <summary>Name, such as "blk.0.attn_q.weight".</summary>
    public string Name { get; }

    /// <summary>The file that holds it.</summary>
    public string Path => _file.Path;

    /// <summary>Dimensions in row-major order, the outermost first; empty for a scalar.</summary>
    public ReadOnlySpan<long> Shape => _shape;

    /// <summary>How the values are stored.</summary>
    public StorageType Type { get; }

    /// <summary>Number of values.</summary>
    public long Count { get; }

    /// <summary>Length of a row: the last dimension, 1 for a scalar.</summary>
    public long Columns => _shape.Length == 0 ? 1 : _shape[^1];

    /// <summary>Number of rows: the product of all other dimensions.</summary>
    public long Rows => _shape.AsSpan(0, Math.Max(0, _shape.Length - 1)).ToArray().Aggregate(1L, (product, length) => product * length);

    /// <summary>Bytes that the tensor takes in the file.</summary>
    public long ByteLength { get; }

    /// <summary>Position in the file, in bytes.</summary>
    internal long Offset { get; }

    /// <summary>
    /// The stored bytes in place: blocks of <see cref="Type"/>, row after row. They are readable until the result is
    /// disposed, also after the source was; a model that computes on them keeps the result.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The source was disposed.</exception>
    public MappedBytes Map() => _file.Map(ByteLength == 0 ? 0 : Offset, ByteLength);

    /// <summary>The rows in place, as the kernels multiply with them; the matrix made from them keeps the map alive.</summary>
    /// <exception cref="ModelFormatException">No float type, no values, or more rows than a matrix can have.</exception>
    /// <exception cref="ObjectDisposedException">The source was disposed.</exception>
    public StoredRows AsRows()
    {
        _ = ToSingle();
        if (Count == 0 || Rows > int.MaxValue)
        {
            throw new ModelFormatException(Path, $"tensor {this} is no matrix", "convert the model anew");
        }
        return new StoredRows(Map(), (int)Rows, Type.Blocks);
    }

    /// <summary>Refuses a type whose values cannot be read as floats, before any work.</summary>
    /// <param name="orCopied">Whether it will do to copy the stored bytes.</param>
    /// <exception cref="ModelFormatException">No float type.</exception>
    internal void RequireReadable(bool orCopied)
    {
        if (!orCopied)
        {
            _ = ToSingle();
        }
    }

    /// <summary>All values, widened or dequantised to fp32.</summary>
    /// <exception cref="ModelFormatException">No float type, or too many values for one array.</exception>
    public float[] ReadAll()
    {
        var values = new float[ArrayLength()];
        Read(0, values);
        return values;
    }

    /// <summary>All values, into a buffer of exactly their number.</summary>
    /// <exception cref="ModelFormatException">No float type.</exception>
    /// <exception cref="ArgumentException">The buffer has another length than the tensor.</exception>
    public void Read(Span<float> values)
    {
        if (values.Length != Count)
        {
            throw new ArgumentException($"tensor {this} has {Count} values, the buffer has {values.Length}", nameof(values));
        }
        Read(0, values);
    }

    /// <summary>Values [first, first + values.Length), where both are multiples of the type's block length.</summary>
    /// <exception cref="ModelFormatException">No float type.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Values that the tensor does not have.</exception>
    /// <exception cref="ArgumentException">Parts of blocks.</exception>
    public void Read(long first, Span<float> values) => Convert(first, values, ToSingle());

    /// <summary>Rows [firstRow, firstRow + count), such as the embeddings of some tokens.</summary>
    /// <param name="firstRow">First row to read.</param>
    /// <param name="count">Number of rows.</param>
    /// <param name="values">Receives <paramref name="count"/> × <see cref="Columns"/> values; must have exactly that length.</param>
    /// <exception cref="ModelFormatException">No float type.</exception>
    /// <exception cref="ArgumentOutOfRangeException">Rows that the tensor does not have.</exception>
    /// <exception cref="ArgumentException">A buffer of another length.</exception>
    public void ReadRows(long firstRow, long count, Span<float> values)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(firstRow);
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(firstRow, Rows - count);
        if (values.Length != count * Columns)
        {
            throw new ArgumentException(
                $"{count} rows of tensor {this} are {count * Columns} values, the buffer has {values.Length}", nameof(values));
        }
        Read(firstRow * Columns, values);
    }

    /// <summary>All values of any float type, as fp64: those stored so unrounded.</summary>
    /// <exception cref="ModelFormatException">No float type, or too many values for one array.</exception>
    public double[] ReadDoubles()
    {
        ElementConverter<float> toSingle = ToSingle();
        var values = new double[ArrayLength()];
        if (Type.Ggml == Gguf.GgmlType.F64)
        {
            Convert(0, values.AsSpan(), (bytes, part) => MemoryMarshal.Cast<byte, double>(bytes).CopyTo(part));
            return values;
        }
        float[] single = [];
        Convert(0, values.AsSpan(), (bytes, part) =>
        {
            single = single.Length < part.Length ? new float[part.Length] : single;
            toSingle(bytes, single.AsSpan(0, part.Length));
            TensorPrimitives.ConvertTruncating(single.AsSpan(0, part.Length), part);
        });
        return values;
    }

    /// <summary>All values of any integer type (or BOOL: 0 and 1), as 32-bit integers.</summary>
    /// <exception cref="ModelFormatException">No integer type, a value beyond 32 bits, or too large for one array.</exception>
    public int[] ReadInt32s()
    {
        var values = new int[ArrayLength()];
        try
        {
            Convert(0, values.AsSpan(), Type.ToInt32 ?? throw WrongType("an integer", "store it as an integer type"));
        }
        catch (OverflowException)
        {
            throw new ModelFormatException(Path, $"tensor {this} holds values beyond 32 bits", "store it as I32");
        }
        return values;
    }

    /// <summary>Name, type and shape for messages: <c>'k' (F16 [3, 4096, 64])</c>.</summary>
    public override string ToString() => $"'{Name}' ({Type} [{string.Join(", ", _shape)}])";

    private ElementConverter<float> ToSingle() =>
        Type.ToSingle ?? throw WrongType("a float", $"store it as one of {StorageType.FloatNames}");

    private void Convert<T>(long first, Span<T> values, ElementConverter<T> convert)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, Count - values.Length);
        if (first % Type.BlockLength != 0 || values.Length % Type.BlockLength != 0)
        {
            throw new ArgumentException(
                $"values {first} to {first + values.Length} of tensor {this} are no whole blocks of {Type.BlockLength}", nameof(values));
        }
        using MappedBytes mapped = Map();
        long offset = first / Type.BlockLength * Type.BlockBytes;
        int pieceLength = PieceBytes / Type.BlockBytes * Type.BlockLength;
        while (!values.IsEmpty)
        {
            Span<T> part = values[..Math.Min(pieceLength, values.Length)];
            ReadOnlySpan<byte> bytes = mapped.Slice(offset, part.Length / Type.BlockLength * Type.BlockBytes);
            convert(bytes, part);
            offset += bytes.Length;
            values = values[part.Length..];
        }
    }

    private int ArrayLength() => Count <= Array.MaxLength
        ? (int)Count
        : throw new ModelFormatException(Path, $"tensor {this} has more values than one array can hold", "read it in parts");

    private ModelFormatException WrongType(string wanted, string advice) => new(Path, $"tensor {this} is not of {wanted} type", advice);
}
