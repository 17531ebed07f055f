using System.Buffers.Binary;
using System.IO.Compression;

namespace Prescore.Models.Formats.Idx;

/// <summary>
/// An array of bytes in the IDX format of the MNIST family (two zero bytes, type 8 for unsigned bytes, number of
/// dimensions, big-endian dimensions, data), plain or compressed with gzip.
/// </summary>
/// <param name="Dimensions">Sizes, outermost first.</param>
/// <param name="Values">The bytes in C order.</param>
public sealed record IdxFile(int[] Dimensions, byte[] Values)
{
    private const int UnsignedByte = 8;
    private const int MostDimensions = 4;
    private const long MostValues = 1 << 30;

    /// <summary>Reads a file.</summary>
    /// <exception cref="ModelFormatException">Not an IDX file of bytes, or its data end too early or go on too long.</exception>
    /// <exception cref="IOException">The file is missing or cannot be read.</exception>
    public static IdxFile Read(string path)
    {
        using FileStream file = File.OpenRead(path);
        Span<byte> start = stackalloc byte[2];
        bool compressed = file.ReadAtLeast(start, 2, throwOnEndOfStream: false) == 2 && start[0] == 0x1f && start[1] == 0x8b;
        file.Position = 0;
        try
        {
            return Read(path, compressed ? new GZipStream(file, CompressionMode.Decompress) : file);
        }
        catch (Exception error) when (error is InvalidDataException or EndOfStreamException)
        {
            throw new ModelFormatException(path, "the data end before all values that the header announces", "get the file anew");
        }
    }

    private static IdxFile Read(string path, Stream stream)
    {
        Span<byte> word = stackalloc byte[4];
        stream.ReadExactly(word);
        if (word[0] != 0 || word[1] != 0 || word[2] != UnsignedByte || word[3] is 0 or > MostDimensions)
        {
            throw new ModelFormatException(path, "this is not an IDX file of unsigned bytes", "give one of the MNIST family");
        }
        var dimensions = new int[word[3]];
        long count = 1;
        for (int i = 0; i < dimensions.Length; i++)
        {
            stream.ReadExactly(word);
            dimensions[i] = BinaryPrimitives.ReadInt32BigEndian(word);
            count = dimensions[i] < 0 || dimensions[i] > MostValues ? MostValues + 1 : count * dimensions[i];
            if (count > MostValues)
            {
                throw new ModelFormatException(path, "the header announces more than 2^30 values", "get the file anew");
            }
        }
        return new IdxFile(dimensions, ReadValues(path, stream, (int)count));
    }

    /// <summary>Reads in pieces, so that a header that lies does not allocate what is not there.</summary>
    private static byte[] ReadValues(string path, Stream stream, int count)
    {
        var values = new MemoryStream(Math.Min(count, 1 << 20));
        var piece = new byte[1 << 16];
        while (values.Length < count)
        {
            int read = stream.Read(piece, 0, (int)Math.Min(piece.Length, count - values.Length));
            if (read == 0)
            {
                throw new EndOfStreamException();
            }
            values.Write(piece, 0, read);
        }
        return stream.ReadByte() < 0
            ? values.ToArray()
            : throw new ModelFormatException(path, "there are more values than the header announces", "get the file anew");
    }
}
