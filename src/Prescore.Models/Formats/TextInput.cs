using System.Security.Cryptography;
using System.Text;
using Prescore.Memory;

namespace Prescore.Models.Formats;

/// <summary>
/// The one way to read a text: from a file, a pipe or the standard input, once, from its beginning and only as far as it is
/// asked for. UTF-8, or UTF-16 and UTF-32 where their byte-order mark says so, whatever the locale; the mark is no part of
/// the text. Bytes that are no characters become U+FFFD and are reported. What was read is hashed on the way.
/// </summary>
public sealed class TextInput : TextReader
{
    /// <summary>The hash of a pipe or a device is that of all it brings; beyond this there is none, as it may never end.</summary>
    public const long LongestHashedStream = 1L << 30;

    /// <summary>Most characters that <see cref="ReadToEnd"/> gives.</summary>
    public const int LongestText = 1 << 28;

    private const int BufferBytes = 1 << 16;

    private readonly Stream _stream;
    private readonly bool _mayBeEndless;
    private readonly CancellationToken _cancellationToken;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private readonly byte[] _bytes = new byte[BufferBytes];
    private readonly char[] _characters = new char[BufferBytes];
    private TextDecoder? _decoder;
    private long _hashed;
    private int _firstByte, _endOfBytes;
    private int _firstCharacter, _endOfCharacters;
    private bool _ended;
    private bool _warned;

    /// <summary>Reads a stream.</summary>
    /// <param name="stream">The bytes; owned by this reader.</param>
    /// <param name="name">What messages and reports call the text.</param>
    /// <param name="cancellationToken">Ends also a wait for a pipe.</param>
    public TextInput(Stream stream, string name, CancellationToken cancellationToken = default)
    {
        (_stream, Name, _cancellationToken) = (stream, name, cancellationToken);
        // Pipes cannot seek; devices have no length.
        _mayBeEndless = !(stream.CanSeek && stream.Length > 0);
    }

    /// <summary>File name without folders, or what else the text is called.</summary>
    public string Name { get; }

    /// <summary>Receives one line about the first bytes that are no characters.</summary>
    public Action<string>? Warning { get; init; }

    /// <summary>Opens a file, a pipe or a device.</summary>
    /// <param name="path">The path.</param>
    /// <param name="cancellationToken">Ends also a wait for a pipe.</param>
    /// <param name="warning">Receives one line about the first bytes that are no characters.</param>
    /// <exception cref="IOException">It is missing or cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">It cannot be read, or is a folder.</exception>
    public static TextInput Open(string path, CancellationToken cancellationToken = default, Action<string>? warning = null)
    {
        // Opening a named pipe waits for its writer.
        Stream stream = FileEntry.Of(path).Kind == FileKind.Regular
            ? OpenStream()
            : Task.Run(OpenStream, cancellationToken).WaitAsync(cancellationToken).GetAwaiter().GetResult();
        return new TextInput(stream, Path.GetFileName(path), cancellationToken) { Warning = warning };

        Stream OpenStream() => new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 0);
    }

    /// <inheritdoc/>
    public override int Read() => Fill() ? _characters[_firstCharacter++] : -1;

    /// <inheritdoc/>
    public override int Peek() => Fill() ? _characters[_firstCharacter] : -1;

    /// <inheritdoc/>
    public override int Read(char[] buffer, int index, int count) => Read(buffer.AsSpan(index, count));

    /// <inheritdoc/>
    public override int Read(Span<char> buffer)
    {
        if (buffer.IsEmpty || !Fill())
        {
            return 0;
        }
        int count = Math.Min(buffer.Length, _endOfCharacters - _firstCharacter);
        _characters.AsSpan(_firstCharacter, count).CopyTo(buffer);
        _firstCharacter += count;
        return count;
    }

    /// <summary>The rest of the text.</summary>
    /// <exception cref="ModelFormatException">It has more than <see cref="LongestText"/> characters.</exception>
    public override string ReadToEnd()
    {
        var text = new StringBuilder();
        var buffer = new char[1 << 16];
        for (int count = Read(buffer); count > 0; count = Read(buffer))
        {
            text.Append(buffer, 0, count);
            if (text.Length > LongestText)
            {
                throw new ModelFormatException(Name, $"it has more than {LongestText} characters", "give a part of it, as head -c does");
            }
        }
        return text.ToString();
    }

    /// <summary>
    /// SHA-256 of all bytes, lower-case hexadecimal: the rest is read for it. Null for a pipe or a device of more
    /// than <see cref="LongestHashedStream"/> bytes. Ends the reading of characters.
    /// </summary>
    /// <exception cref="OperationCanceledException">Cancelled while reading.</exception>
    public string? Sha256()
    {
        while (!_mayBeEndless || _hashed <= LongestHashedStream)
        {
            if (ReadBytes(_bytes) == 0)
            {
                return Convert.ToHexStringLower(_hash.GetCurrentHash());
            }
        }
        return null;
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _hash.Dispose();
            _stream.Dispose();
        }
        base.Dispose(disposing);
    }

    /// <summary>Decodes more characters where there are none left; false at the end of the text.</summary>
    private bool Fill()
    {
        while (_firstCharacter == _endOfCharacters)
        {
            if (_ended && _firstByte == _endOfBytes)
            {
                return false;
            }
            FillBytes();
            if (_decoder is null)
            {
                _decoder = TextDecoder.ByMark(_bytes.AsSpan(0, _endOfBytes), out _firstByte);
            }
            _firstCharacter = 0;
            _firstByte += _decoder.Decode(_bytes.AsSpan(_firstByte, _endOfBytes - _firstByte), _characters, _ended, out _endOfCharacters);
            if (!_warned && _decoder.FirstInvalid is long offset)
            {
                _warned = true;
                Warning?.Invoke($"{Name} is not valid {_decoder.Name} at byte {offset}; such bytes are read as U+FFFD");
            }
        }
        return true;
    }

    /// <summary>Adds bytes behind those that the decoder has left, at least enough for a byte-order mark.</summary>
    private void FillBytes()
    {
        _bytes.AsSpan(_firstByte, _endOfBytes - _firstByte).CopyTo(_bytes);
        (_firstByte, _endOfBytes) = (0, _endOfBytes - _firstByte);
        do
        {
            int count = ReadBytes(_bytes.AsMemory(_endOfBytes));
            _endOfBytes += count;
            _ended = count == 0;
        }
        while (!_ended && _endOfBytes < TextDecoder.LongestMark);
    }

    private int ReadBytes(Memory<byte> buffer)
    {
        _cancellationToken.ThrowIfCancellationRequested();
        // A pipe may keep its reader waiting.
        int count = _stream.CanSeek
            ? _stream.Read(buffer.Span)
            : Task.Run(() => _stream.Read(buffer.Span), _cancellationToken).WaitAsync(_cancellationToken).GetAwaiter().GetResult();
        _hash.AppendData(buffer.Span[..count]);
        _hashed += count;
        return count;
    }
}
