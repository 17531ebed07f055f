namespace Prescore.Memory;

/// <summary>Unmanaged memory that keeps its content when its size changes (<see cref="RegionMemory.Remap"/>). Not safe for concurrent changes.</summary>
internal sealed unsafe class GrowingMemory : IDisposable
{
    private nint _pointer;

    ~GrowingMemory() => Free();

    /// <summary>First byte, aligned to a cache line; 0 while there is none.</summary>
    public nint Pointer => _pointer;

    /// <summary>Its size.</summary>
    public long Bytes { get; private set; }

    /// <summary>The first <paramref name="length"/> numbers.</summary>
    public Span<T> Numbers<T>(int length)
        where T : unmanaged
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan((long)length * sizeof(T), Bytes);
        return new Span<T>((void*)_pointer, length);
    }

    /// <summary>Changes the size; new bytes have arbitrary content.</summary>
    /// <exception cref="OutOfMemoryException">The system has none; nothing has changed.</exception>
    public void Resize(long bytes) => (_pointer, Bytes) = (RegionMemory.Remap(_pointer, Bytes, bytes), bytes);

    public void Dispose()
    {
        Free();
        Bytes = 0;
        GC.SuppressFinalize(this);
    }

    private void Free() => RegionMemory.Unmap(Interlocked.Exchange(ref _pointer, 0), Bytes);
}
