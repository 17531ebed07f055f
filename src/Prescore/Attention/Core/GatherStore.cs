using System.Collections.Concurrent;
using Prescore.Kernels;

namespace Prescore.Attention.Core;

/// <summary>
/// The lists of keys that each head's single query attends: from one token to the next they differ by little, so that
/// only a few keys have to be packed.
/// </summary>
internal sealed class GatherStore(SimdPath simd) : IDisposable
{
    private readonly ConcurrentDictionary<(int Head, int List), KeyGather> _gathers = new();

    /// <summary>Bytes held.</summary>
    public long Bytes => _gathers.Values.Sum(gather => gather.Bytes);

    /// <summary>A list of a key/value head; used by one thread at a time.</summary>
    public KeyGather Get(int head, int list) => _gathers.GetOrAdd((head, list), _ => new KeyGather(simd, oneHead: true));

    /// <summary>Forgets keys from position <paramref name="length"/> on.</summary>
    public void Truncate(int length)
    {
        foreach (KeyGather gather in _gathers.Values)
        {
            gather.Forget(length);
        }
    }

    public void Dispose()
    {
        foreach (KeyGather gather in _gathers.Values)
        {
            gather.Dispose();
        }
        _gathers.Clear();
    }
}
