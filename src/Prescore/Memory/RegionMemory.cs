using System.Collections.Concurrent;
using System.Runtime.InteropServices;

namespace Prescore.Memory;

/// <summary>
/// Unmanaged memory, aligned to a cache line. Calls rent the same buffers again and again: freed memory is kept up to a limit
/// for the next renter of that size, so that it touches no fresh pages. What grows would leave sizes that nobody asks
/// for again: it is mapped (<see cref="Map"/>), so that the system moves its pages, not their content (<see cref="Remap"/>),
/// and has them back at once.
/// </summary>
internal static unsafe class RegionMemory
{
    private const int Alignment = 64;

    private const long LargestPooled = 256L << 20;

    /// <summary>Smaller memory would be mostly the unused part of its last page.</summary>
    private const long LeastMapped = 64 << 10;

    // Constants of Linux on every processor that .NET runs on.
    private const int ReadWrite = 1 | 2;
    private const int PrivateAnonymous = 2 | 0x20;
    private const int MayMove = 1;

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

    /// <summary>
    /// Memory of something that grows. Pages that were not touched take no room, and none is kept in the C library's
    /// heap, which would be left with holes. 0 for none; given back by <see cref="Unmap"/>.
    /// </summary>
    /// <param name="bytes">Its size.</param>
    /// <param name="zeros">Whether it has to be zeros; else the content is arbitrary.</param>
    /// <exception cref="OutOfMemoryException">The system has none.</exception>
    public static nint Map(long bytes, bool zeros = false)
    {
        if (bytes == 0)
        {
            return 0;
        }
        if (!IsMapped(bytes))
        {
            void* allocated = NativeMemory.AlignedAlloc((nuint)bytes, Alignment);
            if (zeros)
            {
                NativeMemory.Clear(allocated, (nuint)bytes);
            }
            return Count(bytes, (nint)allocated);
        }
        // The system maps zeros.
        nint memory = mmap(0, (nuint)bytes, ReadWrite, PrivateAnonymous, -1, 0);
        return memory == -1 ? throw new OutOfMemoryException() : Count(bytes, memory);
    }

    /// <summary>Memory of another size with the same content as far as it goes, in place of <paramref name="memory"/>, which is of <see cref="Map"/>.</summary>
    /// <param name="memory">The memory; 0: none.</param>
    /// <param name="bytes">Its size.</param>
    /// <param name="wanted">Size to be.</param>
    /// <exception cref="OutOfMemoryException">The system has none; the memory stays as it was.</exception>
    public static nint Remap(nint memory, long bytes, long wanted)
    {
        if (!IsMapped(bytes) || !IsMapped(wanted))
        {
            nint copy = Map(wanted);
            Buffer.MemoryCopy((void*)memory, (void*)copy, wanted, Math.Min(bytes, wanted));
            Unmap(memory, bytes);
            return copy;
        }
        nint moved = mremap(memory, (nuint)bytes, (nuint)wanted, MayMove);
        return moved == -1 ? throw new OutOfMemoryException() : Count(wanted - bytes, moved);
    }

    /// <summary>Gives memory of <see cref="Map"/> back; 0 is ignored.</summary>
    /// <param name="memory">The memory.</param>
    /// <param name="bytes">Its size.</param>
    public static void Unmap(nint memory, long bytes)
    {
        if (memory == 0)
        {
            return;
        }
        _held -= bytes;
        if (IsMapped(bytes))
        {
            _ = munmap(memory, (nuint)bytes);
        }
        else
        {
            NativeMemory.AlignedFree((void*)memory);
        }
    }

    private static bool IsMapped(long bytes) => bytes >= LeastMapped && OperatingSystem.IsLinux();

    private static nint Count(long bytes, nint memory)
    {
        _held += bytes;
        return memory;
    }

    [DllImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint mmap(nint address, nuint length, int protection, int flags, int file, long offset);

    [DllImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern nint mremap(nint address, nuint length, nuint newLength, int flags);

    [DllImport("libc")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int munmap(nint address, nuint length);
}
