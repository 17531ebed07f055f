using System.Runtime.CompilerServices;
using System.Text;
using Prescore.Memory;

namespace Prescore.Models.Formats.Gguf;

/// <summary>
/// Reads the primitive values of a GGUF header one after the other. Every length is checked against the bytes that are
/// left before anything is allocated for it, so no header can ask for more memory than a small multiple of its file.
/// </summary>
internal sealed class GgufHeaderReader(MappedFile file)
{
    // The format sets no limit; real files nest arrays at most twice.
    private const int MaximumNesting = 8;

    private static readonly UTF8Encoding StrictUtf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private byte[] _text = new byte[256];

    /// <summary>Bytes read so far = position of the next value in the file.</summary>
    public long Position { get; private set; }

    private long Left => file.Length - Position;

    /// <summary>A number, little-endian.</summary>
    public T ReadNumber<T>(string what)
        where T : unmanaged
    {
        T value = default;
        Require(Unsafe.SizeOf<T>(), what);
        file.Read(Position, new Span<T>(ref value));
        Position += Unsafe.SizeOf<T>();
        return value;
    }

    /// <summary>A 64-bit count of things that take at least <paramref name="bytesEach"/> bytes each.</summary>
    public int ReadCount(int bytesEach, string what)
    {
        ulong count = ReadNumber<ulong>(what);
        return count <= (ulong)(Left / bytesEach) && count <= (ulong)Array.MaxLength
            ? (int)count
            : throw Error($"{what} is {count}, more than the {Left} bytes left can hold");
    }

    /// <summary>A length-prefixed UTF-8 string.</summary>
    public string ReadString(string what)
    {
        int length = ReadCount(1, $"the length of {what}");
        if (_text.Length < length)
        {
            _text = new byte[length];
        }
        Span<byte> bytes = _text.AsSpan(0, length);
        file.Read(Position, bytes);
        try
        {
            string text = StrictUtf8.GetString(bytes);
            Position += length;
            return text;
        }
        catch (DecoderFallbackException)
        {
            throw Error($"{what} is not valid UTF-8");
        }
    }

    /// <summary>A metadata value of the type that precedes it.</summary>
    public object ReadValue(string what) => ReadType(what) switch
    {
        GgufValueType.Array => ReadArray(what, depth: 1),
        GgufValueType type => ReadScalar(type, what),
    };

    /// <summary>The exception for what is wrong at the present position.</summary>
    public ModelFormatException Error(string problem) =>
        new(file.Path, $"{problem} (at byte {Position})", "the file is damaged or no GGUF file; fetch or convert it again");

    private GgufValueType ReadType(string what)
    {
        uint number = ReadNumber<uint>($"the type of {what}");
        return number <= (uint)GgufValueType.Float64
            ? (GgufValueType)number
            : throw Error($"{what} has the unknown value type {number}");
    }

    private object ReadScalar(GgufValueType type, string what) => type switch
    {
        GgufValueType.UInt8 => ReadNumber<byte>(what),
        GgufValueType.Int8 => ReadNumber<sbyte>(what),
        GgufValueType.UInt16 => ReadNumber<ushort>(what),
        GgufValueType.Int16 => ReadNumber<short>(what),
        GgufValueType.UInt32 => ReadNumber<uint>(what),
        GgufValueType.Int32 => ReadNumber<int>(what),
        GgufValueType.Float32 => ReadNumber<float>(what),
        GgufValueType.Bool => ReadBoolean(what),
        GgufValueType.String => ReadString(what),
        GgufValueType.UInt64 => ReadNumber<ulong>(what),
        GgufValueType.Int64 => ReadNumber<long>(what),
        _ => ReadNumber<double>(what),
    };

    private Array ReadArray(string what, int depth)
    {
        if (depth > MaximumNesting)
        {
            throw Error($"{what} nests arrays more than {MaximumNesting} deep");
        }
        return ReadType(what) switch
        {
            GgufValueType.UInt8 => ReadNumbers<byte>(what),
            GgufValueType.Int8 => ReadNumbers<sbyte>(what),
            GgufValueType.UInt16 => ReadNumbers<ushort>(what),
            GgufValueType.Int16 => ReadNumbers<short>(what),
            GgufValueType.UInt32 => ReadNumbers<uint>(what),
            GgufValueType.Int32 => ReadNumbers<int>(what),
            GgufValueType.Float32 => ReadNumbers<float>(what),
            GgufValueType.Bool => ReadItems(what, 1, ReadBoolean),
            GgufValueType.String => ReadItems(what, sizeof(ulong), ReadString),
            GgufValueType.Array => ReadItems(what, sizeof(uint) + sizeof(ulong), inner => ReadArray(inner, depth + 1)),
            GgufValueType.UInt64 => ReadNumbers<ulong>(what),
            GgufValueType.Int64 => ReadNumbers<long>(what),
            _ => ReadNumbers<double>(what),
        };
    }

    private T[] ReadNumbers<T>(string what)
        where T : unmanaged
    {
        var values = new T[ReadCount(Unsafe.SizeOf<T>(), $"the length of {what}")];
        file.Read(Position, values.AsSpan());
        Position += (long)values.Length * Unsafe.SizeOf<T>();
        return values;
    }

    private T[] ReadItems<T>(string what, int leastBytes, Func<string, T> read)
    {
        var values = new T[ReadCount(leastBytes, $"the length of {what}")];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = read(what);
        }
        return values;
    }

    private bool ReadBoolean(string what)
    {
        byte value = ReadNumber<byte>(what);
        return value <= 1 ? value == 1 : throw Error($"{what} is a boolean with the value {value}");
    }

    private void Require(int bytes, string what)
    {
        if (Left < bytes)
        {
            throw Error($"the file ends inside {what}");
        }
    }
}
