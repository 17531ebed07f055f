namespace Prescore.Attention.Contracts;

/// <summary>A cache that can be written to a file and read again: its keys and values, from which it derives the rest.</summary>
public interface ISavableCache : IKeyValueCache
{
    /// <summary>
    /// Writes the keys [<see cref="IKeyValueCache.Length"/>, d] and then the values of every key/value head, 32-bit floats,
    /// little-endian.
    /// </summary>
    void Save(Stream stream);

    /// <summary>Reads into an empty cache what another wrote; it then answers as that one would have.</summary>
    /// <param name="stream">Where <see cref="Save"/> wrote.</param>
    /// <param name="length">Number of tokens that it held.</param>
    /// <exception cref="EndOfStreamException">There is less.</exception>
    /// <exception cref="InvalidOperationException">This cache is not empty.</exception>
    void Load(Stream stream, int length);
}
