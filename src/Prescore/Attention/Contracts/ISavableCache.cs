namespace Prescore.Attention.Contracts;

/// <summary>
/// A cache that can be written to a file and read again: its keys and values, and what cannot be derived from them. The
/// rest it builds anew, so the file depends neither on the processor nor on how a cache is laid out.
/// </summary>
public interface ISavableCache : IKeyValueCache
{
    /// <summary>How keys and values are stored: <c>F32</c>, or <c>I16</c> for 16-bit whole numbers with a scale a row.</summary>
    string Storage { get; }

    /// <summary>Writes everything, little-endian.</summary>
    void Save(Stream stream);

    /// <summary>Reads into an empty cache what another wrote; it then answers as that one would have.</summary>
    /// <param name="stream">Where <see cref="Save"/> wrote; it knows its length, and is read no further than that went.</param>
    /// <param name="length">Number of tokens that it held.</param>
    /// <exception cref="EndOfStreamException">There is less.</exception>
    /// <exception cref="InvalidDataException">No such cache has written it; this one is then to be disposed of.</exception>
    /// <exception cref="InvalidOperationException">This cache is not empty.</exception>
    void Load(Stream stream, int length);
}
