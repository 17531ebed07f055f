using System.IO.MemoryMappedFiles;
using System.Runtime.InteropServices;

namespace Prescore.Memory;

/// <summary>
/// A file mapped read-only into memory and read by absolute byte offset, also beyond 2 GiB. Many threads may read at once.
/// </summary>
public sealed class MappedFile : IDisposable
{
    // A file of no bytes cannot be mapped: it has no view.
    private readonly MemoryMappedFile? _map;
    private readonly MemoryMappedViewAccessor? _view;

    /// <summary>Maps a file.</summary>
    /// <exception cref="IOException">The file is missing or cannot be read, or is a pipe, a device or a folder.</exception>
    public MappedFile(string path)
    {
        Path = path;
        FileEntry entry = FileEntry.Of(path);
        if (entry.Kind is not (FileKind.Regular or FileKind.Missing))
        {
            throw new IOException($"'{path}' is {entry.Describe()}, not a regular file: it is read in place, so copy it to a file first");
        }
        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read);
        try
        {
            Length = stream.Length;
            if (Length > 0)
            {
                _map = MemoryMappedFile.CreateFromFile(
                    stream, null, 0, MemoryMappedFileAccess.Read, HandleInheritability.None, leaveOpen: false);
                _view = _map.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
            }
            else
            {
                stream.Dispose();
            }
        }
        catch
        {
            _map?.Dispose();
            stream.Dispose();
            throw;
        }
    }

    /// <summary>The path the file was opened by.</summary>
    public string Path { get; }

    /// <summary>Length in bytes when the file was opened.</summary>
    public long Length { get; }

    /// <summary>
    /// Bytes [offset, offset + length) where they lie in the map, without a copy. They stay readable until the result is
    /// disposed, also after the file was.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the file.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public MappedBytes Map(long offset, long length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        return _view is null
            ? MappedBytes.Empty
            : new MappedBytes(_view.SafeMemoryMappedViewHandle, _view.PointerOffset + offset, length);
    }

    /// <summary>Copies bytes [offset, offset + destination.Length) out of the file.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves the file.</exception>
    /// <exception cref="ObjectDisposedException">The file was closed.</exception>
    public void Read(long offset, Span<byte> destination)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - destination.Length);
        if (!destination.IsEmpty)
        {
            _view!.SafeMemoryMappedViewHandle.ReadSpan((ulong)(_view.PointerOffset + offset), destination);
        }
    }

    /// <summary>Copies numbers, stored little-endian as this processor keeps them, out of the file.</summary>
    public void Read<T>(long offset, Span<T> destination)
        where T : struct => Read(offset, MemoryMarshal.AsBytes(destination));

    /// <summary>Closes the file; its memory is unmapped when the last of its <see cref="MappedBytes"/> is disposed.</summary>
    public void Dispose()
    {
        _view?.Dispose();
        _map?.Dispose();
    }
}
