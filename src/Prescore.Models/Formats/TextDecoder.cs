using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Unicode;

namespace Prescore.Models.Formats;

/// <summary>Turns bytes into UTF-16 a buffer at a time, and knows at which byte the first sequence that is no character begins.</summary>
internal sealed class TextDecoder
{
    /// <summary>Bytes of the longest byte-order mark.</summary>
    public const int LongestMark = 4;

    private const char Replacement = '\uFFFD';

    private readonly Func<ReadOnlySpan<byte>, (OperationStatus Status, Rune Character, int Bytes)>? _next;
    private long _consumed;

    private TextDecoder(string name, int mark, Func<ReadOnlySpan<byte>, (OperationStatus, Rune, int)>? next)
    {
        (Name, _consumed, _next) = (name, mark, next);
    }

    /// <summary>Name of the encoding.</summary>
    public string Name { get; }

    /// <summary>Offset in the file of the first bytes that are no character, among those decoded so far.</summary>
    public long? FirstInvalid { get; private set; }

    /// <summary>The decoder that the first bytes ask for, and the length of the mark to pass over.</summary>
    public static TextDecoder ByMark(ReadOnlySpan<byte> start, out int mark) => start switch
    {
        [0xEF, 0xBB, 0xBF, ..] => new TextDecoder("UTF-8", mark = 3, next: null),
        [0xFF, 0xFE, 0, 0, ..] => new TextDecoder("UTF-32", mark = 4, bytes => NextUtf32(bytes, BinaryPrimitives.ReadUInt32LittleEndian)),
        [0, 0, 0xFE, 0xFF, ..] => new TextDecoder("UTF-32", mark = 4, bytes => NextUtf32(bytes, BinaryPrimitives.ReadUInt32BigEndian)),
        [0xFF, 0xFE, ..] => new TextDecoder("UTF-16", mark = 2, bytes => NextUtf16(bytes, BinaryPrimitives.ReadUInt16LittleEndian)),
        [0xFE, 0xFF, ..] => new TextDecoder("UTF-16", mark = 2, bytes => NextUtf16(bytes, BinaryPrimitives.ReadUInt16BigEndian)),
        _ => new TextDecoder("UTF-8", mark = 0, next: null),
    };

    /// <summary>Decodes as much as there is room for.</summary>
    /// <param name="bytes">Bytes that follow those consumed before.</param>
    /// <param name="characters">Receives UTF-16; at least two characters long.</param>
    /// <param name="final">Whether no bytes follow.</param>
    /// <param name="written">Characters written.</param>
    /// <returns>Bytes consumed; what is left is the beginning of a character, or had no room.</returns>
    public int Decode(ReadOnlySpan<byte> bytes, Span<char> characters, bool final, out int written)
    {
        int used = _next is null ? DecodeUtf8(bytes, characters, final, out written) : DecodeOther(bytes, characters, final, out written);
        _consumed += used;
        return used;
    }

    private int DecodeUtf8(ReadOnlySpan<byte> bytes, Span<char> characters, bool final, out int written)
    {
        int used = 0;
        written = 0;
        for (; ; )
        {
            OperationStatus status = Utf8.ToUtf16(
                bytes[used..], characters[written..], out int read, out int wrote, replaceInvalidSequences: false, isFinalBlock: final);
            used += read;
            written += wrote;
            if (status != OperationStatus.InvalidData || written == characters.Length)
            {
                return used;
            }
            Rune.DecodeFromUtf8(bytes[used..], out _, out int wrong);
            Replace(used, characters, ref written);
            used += wrong;
        }
    }

    private int DecodeOther(ReadOnlySpan<byte> bytes, Span<char> characters, bool final, out int written)
    {
        int used = 0;
        written = 0;
        while (used < bytes.Length && characters.Length - written >= 2)
        {
            (OperationStatus status, Rune character, int length) = _next!(bytes[used..]);
            if (status == OperationStatus.NeedMoreData && !final)
            {
                break;
            }
            if (status == OperationStatus.Done)
            {
                written += character.EncodeToUtf16(characters[written..]);
            }
            else
            {
                Replace(used, characters, ref written);
            }
            used += length;
        }
        return used;
    }

    private void Replace(int at, Span<char> characters, ref int written)
    {
        FirstInvalid ??= _consumed + at;
        characters[written++] = Replacement;
    }

    private static (OperationStatus, Rune, int) NextUtf16(ReadOnlySpan<byte> bytes, Func<ReadOnlySpan<byte>, ushort> read)
    {
        if (bytes.Length < 2)
        {
            return (OperationStatus.NeedMoreData, default, bytes.Length);
        }
        char first = (char)read(bytes);
        if (Rune.TryCreate(first, out Rune character))
        {
            return (OperationStatus.Done, character, 2);
        }
        if (char.IsHighSurrogate(first) && bytes.Length < 4)
        {
            return (OperationStatus.NeedMoreData, default, bytes.Length);
        }
        return char.IsHighSurrogate(first) && Rune.TryCreate(first, (char)read(bytes[2..]), out character)
            ? (OperationStatus.Done, character, 4)
            : (OperationStatus.InvalidData, default, 2);
    }

    private static (OperationStatus, Rune, int) NextUtf32(ReadOnlySpan<byte> bytes, Func<ReadOnlySpan<byte>, uint> read) =>
        bytes.Length < 4 ? (OperationStatus.NeedMoreData, default, bytes.Length)
        : Rune.TryCreate(read(bytes), out Rune character) ? (OperationStatus.Done, character, 4)
        : (OperationStatus.InvalidData, default, 4);
}
