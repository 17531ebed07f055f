using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Prescore.Memory;

/// <summary>
/// Memory of key regions, aligned to a cache line. An index grows region by region and drops the old ones: freed memory
/// is kept up to a limit for the next region of that size, so that growing does not touch fresh pages.
/// </summary>
internal static unsafe class RegionMemory
{
    private const long LargestPooled = 256L << 20;

    private static readonly ConcurrentDictionary<long, ConcurrentStack<nint>> Free = new();
    private static long _pooled;

    /// <summary>At least <paramref name="bytes"/> bytes with arbitrary content; 0 for none.</summary>
    public static nint Rent(long bytes)
    {
        if (bytes == 0)
        {
            return 0;
        }
        if (Free.TryGetValue(bytes, out ConcurrentStack<nint>? stack) && stack.TryPop(out nint memory))
        {
            Interlocked.Add(ref _pooled, -bytes);
            return memory;
        }
        return (nint)NativeMemory.AlignedAlloc((nuint)bytes, 64);
    }

    /// <summary>Gives memory of that size back; 0 is ignored.</summary>
    public static void Return(nint memory, long bytes)
    {
        if (memory == 0)
        {
            return;
        }
        if (Interlocked.Read(ref _pooled) + bytes > LargestPooled)
        {
            NativeMemory.AlignedFree((void*)memory);
            return;
        }
        Interlocked.Add(ref _pooled, bytes);
        Free.GetOrAdd(bytes, static _ => new ConcurrentStack<nint>()).Push(memory);
    }
}
