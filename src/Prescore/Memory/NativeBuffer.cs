using System.Collections.Concurrent;
using System.Numerics;
using System.Runtime.InteropServices;

namespace Prescore.Memory;

/// <summary>
/// Floats in unmanaged memory, aligned to a cache line. Freed buffers up to 64 MiB are kept for the next renter, so
/// that repeated calls neither allocate nor touch fresh pages.
/// </summary>
internal sealed unsafe class NativeBuffer : IDisposable
{
    private const int Alignment = 64;
    private const int LargestPooledLog2 = 24;
    private const int PooledPerSize = 8;

    private static readonly ConcurrentBag<nint>[] Pool = [.. Enumerable.Range(0, LargestPooledLog2 + 1).Select(_ => new ConcurrentBag<nint>())];

    private readonly int _sizeLog2;
    private nint _pointer;

    private NativeBuffer(nint pointer, int sizeLog2, nint length)
    {
        _pointer = pointer;
        _sizeLog2 = sizeLog2;
        Length = length;
    }

    ~NativeBuffer() => Release(pool: false);

    /// <summary>First float.</summary>
    public float* Pointer => (float*)_pointer;

    /// <summary>Number of floats asked for.</summary>
    public nint Length { get; }

    /// <summary>All floats; the buffer must be shorter than 2^31 floats.</summary>
    public Span<float> Span => new(Pointer, checked((int)Length));

    /// <summary>Rents at least <paramref name="length"/> floats with arbitrary content.</summary>
    public static NativeBuffer Rent(nint length)
    {
        int log2 = BitOperations.Log2((nuint)Math.Max(length - 1, 1023)) + 1;
        if (log2 > LargestPooledLog2)
        {
            return new NativeBuffer(AllocateAligned(length), log2, length);
        }
        if (!Pool[log2].TryTake(out nint pointer))
        {
            pointer = AllocateAligned((nint)1 << log2);
        }
        return new NativeBuffer(pointer, log2, length);
    }

    /// <summary>Floats that stay for long (weights): exactly as many as asked for, freed when disposed of.</summary>
    public static NativeBuffer Allocate(nint length) => new(AllocateAligned(length), LargestPooledLog2 + 1, length);

    /// <summary>Sets all floats to zero.</summary>
    public void Clear() => NativeMemory.Clear(Pointer, (nuint)Length * sizeof(float));

    public void Dispose()
    {
        Release(pool: true);
        GC.SuppressFinalize(this);
    }

    private static nint AllocateAligned(nint length) => (nint)NativeMemory.AlignedAlloc((nuint)length * sizeof(float), Alignment);

    private void Release(bool pool)
    {
        nint pointer = Interlocked.Exchange(ref _pointer, 0);
        if (pointer == 0)
        {
            return;
        }
        if (pool && _sizeLog2 <= LargestPooledLog2 && Pool[_sizeLog2].Count < PooledPerSize)
        {
            Pool[_sizeLog2].Add(pointer);
            return;
        }
        NativeMemory.AlignedFree((void*)pointer);
    }
}
