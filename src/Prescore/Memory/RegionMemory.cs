using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Prescore.Memory;

/// <summary>
/// The pool of unmanaged memory, aligned to a cache line. Indices grow piece by piece and drop the old ones, and calls rent
/// the same buffers again and again: freed memory is kept up to a limit for the next renter of that size, so that neither
/// touches fresh pages.
/// </summary>
internal static unsafe class RegionMemory
{
    private const int Alignment = 64;

    private const long LargestPooled = 256L << 20;

    private static readonly ConcurrentDictionary<long, ConcurrentStack<nint>> Free = new();
    private static long _pooled;

    /// <summary>What this thread has rented less what it has returned, in bytes: on one thread, what is not given back.</summary>
    [ThreadStatic]
    private static long _held;

    /// <summary>Bytes that the running thread has rented and not returned; negative where it returned what others rented.</summary>
    public static long HeldByThread => _held;

    /// <summary>At least <paramref name="bytes"/> bytes with arbitrary content; 0 for none.</summary>
    public static nint Rent(long bytes)
    {
        if (bytes == 0)
        {
            return 0;
        }
        _held += bytes;
        if (Free.TryGetValue(bytes, out ConcurrentStack<nint>? stack) && stack.TryPop(out nint memory))
        {
            Interlocked.Add(ref _pooled, -bytes);
            return memory;
        }
        return (nint)NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
    }

    /// <summary>Gives memory of that size back; 0 is ignored.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="bytes">The size that it was rented with.</param>
    /// <param name="keep">Whether to keep it for the next renter.</param>
    public static void Return(nint memory, long bytes, bool keep = true)
    {
        if (memory == 0)
        {
            return;
        }
        _held -= bytes;
        if (!keep || Interlocked.Read(ref _pooled) + bytes > LargestPooled)
        {
            NativeMemory.AlignedFree((void*)memory);
            return;
        }
        Interlocked.Add(ref _pooled, bytes);
        Free.GetOrAdd(bytes, static _ => new ConcurrentStack<nint>()).Push(memory);
    }
}
