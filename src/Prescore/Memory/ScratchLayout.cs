using System.Runtime.CompilerServices;

namespace Prescore.Memory;

/// <summary>
/// Cuts one piece of memory into arrays, each on cache lines of its own. Laid out twice: once without memory, to see how much
/// it takes, then in what was rented.
/// </summary>
/// <param name="start">First byte, aligned to a cache line; 0 to measure.</param>
internal unsafe struct ScratchLayout(nint start)
{
    private const int Line = 64;

    private nint _used;

    /// <summary>Bytes taken so far.</summary>
    public readonly nint Used => _used;

    /// <summary>The next array.</summary>
    public T* Take<T>(nint count)
        where T : unmanaged
    {
        var array = (T*)(start + _used);
        // An odd number of lines apart, so that arrays do not fall on the same sets of a cache.
        _used += ((count * Unsafe.SizeOf<T>() + Line - 1) / Line | 1) * Line;
        return array;
    }
}
