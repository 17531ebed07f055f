namespace Prescore.Memory;

/// <summary>
/// Unmanaged floats with several owners, the last of which frees them. Who writes what another may read must be the only
/// owner.
/// </summary>
internal sealed unsafe class SharedMemory(nint length)
{
    private readonly NativeBuffer _buffer = NativeBuffer.Rent(length);
    private int _owners = 1;

    /// <summary>First float.</summary>
    public float* Pointer => _buffer.Pointer;

    /// <summary>Number of floats.</summary>
    public nint Length => _buffer.Length;

    /// <summary>Whether there are other owners.</summary>
    public bool IsShared => Volatile.Read(ref _owners) > 1;

    /// <summary>One more owner.</summary>
    public SharedMemory Share()
    {
        Interlocked.Increment(ref _owners);
        return this;
    }

    /// <summary>One owner less.</summary>
    public void Release()
    {
        if (Interlocked.Decrement(ref _owners) == 0)
        {
            _buffer.Dispose();
        }
    }

    /// <summary>For an owner that is to write: the memory itself where nobody shares it, else a copy in its place.</summary>
    public SharedMemory ForWriting()
    {
        if (!IsShared)
        {
            return this;
        }
        var copy = new SharedMemory(Length);
        Buffer.MemoryCopy(Pointer, copy.Pointer, Length * sizeof(float), Length * sizeof(float));
        Release();
        return copy;
    }
}
