using System.Buffers.Binary;

namespace Prescore.Models.Images;

/// <summary>Walks the chunks of a PNG file (ISO/IEC 15948) and checks that all of it is there and undamaged.</summary>
internal static class PngStructure
{
    private const string Advice = "copy or save the image anew";

    private static readonly uint[] CrcTable = [.. Enumerable.Range(0, 256).Select(CrcOfByte)];

    /// <summary>First bytes of every PNG file.</summary>
    public static ReadOnlySpan<byte> Signature => [0x89, (byte)'P', (byte)'N', (byte)'G', 0x0D, 0x0A, 0x1A, 0x0A];

    /// <summary>Reads size and orientation.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="bytes">All of it.</param>
    /// <exception cref="ImageFormatException">A chunk is missing, cut off or damaged.</exception>
    public static ImageStructure Read(string path, ReadOnlySpan<byte> bytes)
    {
        ReadOnlySpan<byte> rest = bytes[Signature.Length..];
        ImageStructure? header = null;
        bool hasPixels = false;
        while (rest.Length >= 12)
        {
            uint length = BinaryPrimitives.ReadUInt32BigEndian(rest);
            if (length > rest.Length - 12)
            {
                break;
            }
            ReadOnlySpan<byte> typeAndData = rest.Slice(4, 4 + (int)length);
            ReadOnlySpan<byte> type = typeAndData[..4], data = typeAndData[4..];
            if (Crc(typeAndData) != BinaryPrimitives.ReadUInt32BigEndian(rest[(8 + (int)length)..]))
            {
                throw new ImageFormatException(path, "the PNG image is damaged: a checksum is wrong", Advice);
            }
            rest = rest[(12 + (int)length)..];
            if (header is null && (!type.SequenceEqual("IHDR"u8) || length != 13))
            {
                throw new ImageFormatException(path, "the PNG image does not begin with its header", Advice);
            }
            header ??= new ImageStructure(BinaryPrimitives.ReadUInt32BigEndian(data), BinaryPrimitives.ReadUInt32BigEndian(data[4..]), ExifOrientation.Upright);
            if (type.SequenceEqual("eXIf"u8))
            {
                header = header.Value with { Orientation = ExifOrientation.Read(data) };
            }
            hasPixels |= type.SequenceEqual("IDAT"u8);
            if (type.SequenceEqual("IEND"u8) && hasPixels)
            {
                return header.Value;
            }
        }
        throw new ImageFormatException(path, "the PNG image is truncated", Advice);
    }

    private static uint Crc(ReadOnlySpan<byte> bytes)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in bytes)
        {
            crc = CrcTable[(byte)(crc ^ value)] ^ (crc >> 8);
        }
        return ~crc;
    }

    private static uint CrcOfByte(int value)
    {
        uint crc = (uint)value;
        for (int bit = 0; bit < 8; bit++)
        {
            crc = (crc & 1) == 0 ? crc >> 1 : 0xEDB88320 ^ (crc >> 1);
        }
        return crc;
    }
}
