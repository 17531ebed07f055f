using System.Numerics;
using System.Runtime.InteropServices;

namespace Prescore.Memory;

/// <summary>Floats in unmanaged memory, aligned to a cache line, from the pool of <see cref="RegionMemory"/>.</summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    private const long LeastBytes = 1024 * sizeof(float);

    /// <summary>Larger buffers are few: they are allocated to measure and freed.</summary>
    private const long LargestPooled = 64L << 20;

    private readonly long _bytes;
    private readonly bool _pooled;
    private nint _pointer;

    private NativeBuffer(long bytes, bool pooled, nint length, bool zeros = false)
    {
        (_bytes, _pooled, Length) = (bytes, pooled, length);
        _pointer = pooled ? RegionMemory.Rent(bytes) : RegionMemory.Map(bytes, zeros);
    }

    ~NativeBuffer() => Release(keep: false);

    /// <summary>First float.</summary>
    public float* Pointer => (float*)_pointer;

    /// <summary>Number of floats asked for.</summary>
    public nint Length { get; }

    /// <summary>All floats; the buffer must be shorter than 2^31 floats.</summary>
    public Span<float> Span => new(Pointer, checked((int)Length));

    /// <summary>Rents at least <paramref name="length"/> floats with arbitrary content; sizes are powers of two, so that few are in use.</summary>
    public static NativeBuffer Rent(nint length)
    {
        long bytes = Math.Max(LeastBytes, (long)length * sizeof(float));
        return bytes > LargestPooled ? Allocate(length) : new NativeBuffer((long)BitOperations.RoundUpToPowerOf2((ulong)bytes), pooled: true, length);
    }

    /// <summary>Floats that stay for long (weights), or that larger ones will take the place of: exactly as many as asked for, freed when disposed of.</summary>
    public static NativeBuffer Allocate(nint length) => new(Math.Max(1, (long)length) * sizeof(float), pooled: false, length);

    /// <summary>Floats as of <see cref="Allocate"/>, all of them zero.</summary>
    public static NativeBuffer AllocateZeros(nint length) => new(Math.Max(1, (long)length) * sizeof(float), pooled: false, length, zeros: true);

    /// <summary>Sets all floats to zero.</summary>
    public void Clear() => NativeMemory.Clear(Pointer, (nuint)Length * sizeof(float));

    public void Dispose()
    {
        Release(keep: true);
        GC.SuppressFinalize(this);
    }

    private void Release(bool keep)
    {
        nint memory = Interlocked.Exchange(ref _pointer, 0);
        if (_pooled)
        {
            RegionMemory.Return(memory, _bytes, keep);
        }
        else
        {
            RegionMemory.Unmap(memory, _bytes);
        }
    }
}
