using System.Runtime.InteropServices;

namespace Prescore.Memory;

/// <summary>
/// A range of a <see cref="MappedFile"/> held in memory: as long as this object is neither disposed nor finalised, its
/// bytes are readable, whatever becomes of the file's object. Who uses <see cref="Address"/> keeps this object.
/// </summary>
public sealed unsafe class MappedBytes : IDisposable
{
    private SafeHandle? _owner;

    /// <summary>No bytes.</summary>
    internal static MappedBytes Empty { get; } = new();

    /// <param name="owner">The view, whose handle is the address of its first byte; a reference to it is taken.</param>
    /// <param name="offset">First byte.</param>
    /// <param name="length">Number of bytes.</param>
    /// <exception cref="ObjectDisposedException">The view was closed.</exception>
    internal MappedBytes(SafeHandle owner, long offset, long length)
    {
        bool taken = false;
        owner.DangerousAddRef(ref taken);
        _owner = owner;
        Address = owner.DangerousGetHandle() + (nint)offset;
        Length = length;
    }

    private MappedBytes()
    {
    }

    /// <summary>Releases the range.</summary>
    ~MappedBytes() => Release();

    /// <summary>Address of the first byte, aligned to nothing that the file's format does not promise; 0 where there are none.</summary>
    public nint Address { get; }

    /// <summary>Number of bytes.</summary>
    public long Length { get; }

    /// <summary>Some of the bytes; valid until this object is disposed.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The range leaves <see cref="Length"/>.</exception>
    /// <exception cref="ObjectDisposedException">The range was released.</exception>
    public ReadOnlySpan<byte> Slice(long offset, int length)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfNegative(length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset, Length - length);
        ObjectDisposedException.ThrowIf(_owner is null && Length > 0, this);
        return new ReadOnlySpan<byte>((byte*)Address + offset, length);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Release();
        GC.SuppressFinalize(this);
    }

    private void Release() => Interlocked.Exchange(ref _owner, null)?.DangerousRelease();
}
