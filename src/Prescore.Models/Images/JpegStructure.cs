using System.Buffers.Binary;

namespace Prescore.Models.Images;

/// <summary>
/// Walks the segments of a JPEG file (ITU-T T.81), checks that it ends where it should and refuses by name what is not
/// decoded. A decoder alone would fill what is missing of a truncated file with grey.
/// </summary>
internal static class JpegStructure
{
    private const string Advice = "copy or save the image anew";
    private const byte App1 = 0xE1, EndOfImage = 0xD9, StartOfScan = 0xDA;

    /// <summary>First bytes of every JPEG file.</summary>
    public static ReadOnlySpan<byte> Signature => [0xFF, 0xD8, 0xFF];

    /// <summary>Reads size and orientation.</summary>
    /// <param name="path">The file, for messages.</param>
    /// <param name="bytes">All of it.</param>
    /// <exception cref="ImageFormatException">Truncated, or of a kind that is not decoded.</exception>
    public static ImageStructure Read(string path, ReadOnlySpan<byte> bytes)
    {
        ImageStructure? frame = null;
        int orientation = ExifOrientation.Upright;
        bool scanned = false;
        int at = 2;
        while (TryFindMarker(bytes, ref at, out byte marker))
        {
            if (marker == EndOfImage)
            {
                return scanned && frame is { } found ? found with { Orientation = orientation } : throw Truncated(path);
            }
            if (at + 2 > bytes.Length)
            {
                break;
            }
            int length = BinaryPrimitives.ReadUInt16BigEndian(bytes[at..]);
            if (length < 2 || length > bytes.Length - at)
            {
                break;
            }
            ReadOnlySpan<byte> data = bytes.Slice(at + 2, length - 2);
            at += length;
            if (marker == App1 && data.StartsWith("Exif\0\0"u8))
            {
                orientation = ExifOrientation.Read(data[6..]);
            }
            if (IsFrame(marker))
            {
                frame = ReadFrame(path, marker, data);
            }
            if (marker == StartOfScan)
            {
                // The entropy-coded data have no length: the next marker that is neither a stuffed zero nor a restart ends them.
                scanned = true;
            }
        }
        throw Truncated(path);
    }

    private static bool TryFindMarker(ReadOnlySpan<byte> bytes, ref int at, out byte marker)
    {
        for (; at + 1 < bytes.Length; at++)
        {
            marker = bytes[at + 1];
            if (bytes[at] == 0xFF && marker is not (0x00 or 0xFF or (>= 0xD0 and <= 0xD7)))
            {
                at += 2;
                return true;
            }
        }
        marker = 0;
        return false;
    }

    private static bool IsFrame(byte marker) => marker is >= 0xC0 and <= 0xCF and not (0xC4 or 0xC8 or 0xCC);

    private static ImageStructure ReadFrame(string path, byte marker, ReadOnlySpan<byte> data)
    {
        if (data.Length < 6)
        {
            throw Truncated(path);
        }
        const string Convert = "convert it to a baseline RGB JPEG or to PNG";
        if (marker > 0xC2)
        {
            throw new ImageFormatException(path, "a lossless or arithmetic-coded JPEG is not read", Convert);
        }
        if (data[0] != 8)
        {
            throw new ImageFormatException(path, $"a JPEG of {data[0]} bits a sample is not read", Convert);
        }
        if (data[5] == 4)
        {
            throw new ImageFormatException(path, "a CMYK JPEG is not read", Convert);
        }
        if (data[5] is not (1 or 3))
        {
            throw new ImageFormatException(path, $"a JPEG of {data[5]} components is not read", Convert);
        }
        return new ImageStructure(BinaryPrimitives.ReadUInt16BigEndian(data[3..]), BinaryPrimitives.ReadUInt16BigEndian(data[1..]), ExifOrientation.Upright);
    }

    private static ImageFormatException Truncated(string path) => new(path, "the JPEG image is truncated", Advice);
}
